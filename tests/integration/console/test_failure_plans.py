"""Plans of the reads of failures and webhooks: each finds its rows by an index."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from integrahub.db.console import failures, webhooks
from integrahub.db.console.webhooks_rows import DeliveryFilters
from integrahub.db.queries import load_queries
from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import DeliveryState
from tests.integration.console.plans import Plans

_FAILURES = load_queries("integrahub.db.console.failures")
_WEBHOOKS = load_queries("integrahub.db.console.webhooks")
_BULK = load_queries("integrahub.db.chunks.bulk_operations")
_ID, _NOW = UUID(int=7), datetime(2026, 11, 27, tzinfo=UTC)
_CAUSE = {"fingerprint": "cause 1", "counted": 10_000, "cnpj": None, "since": None, "limit": 50}
_SHOWN = _CAUSE | {"fingerprints": ["cause 1", "cause 2"], "opened": _NOW, "cause": None, "state": "open"}
_TOP = {"top": datetime.now(UTC) + timedelta(hours=1), "top_id": _ID}  # few rows are newer, if any
_MORE = (
    """INSERT INTO failure_groups (fingerprint, error_class, error_code, culprit, count, first_seen, last_seen, sample)
      SELECT 'cause ' || n, 'E', '', '', 1, now(), now() - make_interval(mins => n), n
      FROM generate_series(0, 3000) n""",
    """INSERT INTO webhook_endpoints (owner, pharmacy_id, url, host, events, description, sealed_secret)
      SELECT 'pharmacy', n, 'https://x', 'x', '{batch.completed}', '', '' FROM generate_series(1, 40) n""",
    """INSERT INTO webhook_deliveries (endpoint_id, event, pharmacy_id, body, state, created_at, ended_at)
      SELECT e.id, 'batch.completed', e.pharmacy_id, '{}', CASE WHEN n % 400 = 0 THEN 'failed' ELSE 'delivered' END,
        now() - make_interval(mins => n), now() FROM webhook_endpoints e, generate_series(1, 400) n""",
    """INSERT INTO bulk_operations (id, actor, filters, letters, state)
      SELECT gen_random_uuid(), '', '{}', 1, 'done' FROM generate_series(1, 2000)""",
    "VACUUM ANALYZE",
)
_SMALL = {"pharmacies", "webhook_endpoints", "api_keys", "webhook_attempts"}


@pytest.fixture
def more(plans: Plans, filled: str) -> Plans:
    """Add causes, endpoints, deliveries and operations to the filled database."""
    with psycopg.connect(filled, autocommit=True) as owner:
        for statement in _MORE:
            owner.execute(statement)
    return plans


async def test_causes_and_their_letters_are_found_by_indexes(more: Plans) -> None:
    listed = _CAUSE | {"cause": None, "before": None, "before_fingerprint": None, "state": "open"}
    assert await more.whole(failures.causes_statement(), listed) == set()
    assert await more.whole(_FAILURES["shown"], _SHOWN) == set()
    assert await more.whole(_FAILURES["cause_names"], _SHOWN) == set()
    assert await more.whole(failures.later_statement(), _SHOWN | {"opened": datetime.now(UTC)}) == set()
    for settled in (None, False):
        params = _CAUSE | {"after": None, "settled": settled}
        assert await more.whole(_FAILURES["letters_of_cause"], params) <= _SMALL
    assert await more.whole(_FAILURES["hours"], {"fingerprints": ["cause 1"], "now": _NOW}) == set()


async def test_what_a_filter_would_replay_is_found_by_indexes_of_open_letters(plans: Plans, filled: str) -> None:
    with psycopg.connect(filled, autocommit=True) as owner:
        owner.execute("UPDATE dead_letters SET settled_at = now() WHERE id % 50 <> 0")
        owner.execute("VACUUM ANALYZE dead_letters")
    for chosen in ({"error": "cause 1"}, {"cnpj": "00000000000001"}, {"batch_id": _ID}, {"since": _NOW}, {"ids": [7]}):
        params = dict.fromkeys(("ids", "batch_id", "cnpj", "error", "since")) | {"limit": 10_000} | chosen
        nodes = await plans.nodes(_FAILURES["pharmacies_of_filter"], params)
        indexes = {node["Index Name"] for node in nodes if "Index Name" in node}
        open_letters = {"dead_letters_unsettled", "dead_letters_open"}
        assert indexes & (open_letters | ({"dead_letters_pkey"} if "ids" in chosen else set())), chosen


async def test_operations_are_found_by_indexes(more: Plans) -> None:
    assert await more.whole(_FAILURES["operations_of_cause"], _CAUSE) == set()
    page: dict[str, Any] = {"before": None, "before_id": None, "limit": 50}
    for top in (_TOP, dict.fromkeys(_TOP)):
        assert await more.whole(_BULK["page"], page | top) == set()
    assert await more.whole(_BULK["newer"], _TOP) == set()
    assert await more.whole(_BULK["letters"], {"id": _ID, "limit": 20}) == set()
    assert await more.whole(_BULK["claim_due"], {"seconds": 1, "limit": 20}) == set()
    assert "batches" not in await more.whole(_BULK["find"], {"id": _ID})


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": DeliveryState.FAILED},
        {"state": DeliveryState.HELD},
        {"endpoint": _ID},
        {"cnpj": "00000000000001", "event": EventType.BATCH_COMPLETED},
    ],
)
async def test_deliveries_are_found_by_indexes(more: Plans, filters: dict[str, Any]) -> None:
    chosen = DeliveryFilters(**filters)
    params = {name: getattr(chosen, name) for name in DeliveryFilters.__struct_fields__}
    params |= {"limit": 50, "after_at": None, "after_id": None} | _TOP
    for has_top in (False, True):
        assert await more.whole(webhooks.deliveries_statement(chosen, has_top=has_top), params) <= _SMALL
    assert await more.whole(webhooks.newer_statement(chosen), params) <= _SMALL


async def test_endpoints_one_delivery_and_counts_are_found_by_indexes(more: Plans) -> None:
    params: dict[str, Any] = {"id": None, "cnpj": None, "state": "all", "after_rank": None, "after_id": None}
    params |= {"limit": 50, "counted": 1000}
    assert await more.whole(_WEBHOOKS["endpoints"], params) <= _SMALL
    counted = {"id": _ID, "endpoint": _ID, "state": "failed", "since": _NOW, "counted": 1000}
    for block in ("find_delivery", "count_in_state"):
        assert await more.whole(_WEBHOOKS[block], counted) <= _SMALL, block


async def test_failed_deliveries_are_found_by_their_own_index(more: Plans) -> None:
    params: dict[str, Any] = {"state": "failed", "since": None, "limit": 50, "after_at": None, "after_id": None}
    nodes = await more.nodes(webhooks.deliveries_statement(DeliveryFilters(DeliveryState.FAILED)), params)
    assert "webhook_deliveries_troubled" in {node.get("Index Name") for node in nodes}
