"""What asks for attention, and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from integrahub.db.console.overview import OverviewRows
from integrahub.db.console.overview_rows import (
    ExpiringKey,
    FailedLoad,
    HeldDecision,
    HubState,
    OpenCause,
    SilentPharmacy,
    SuspendedWebhook,
)
from integrahub.domain.batches import LoadType
from integrahub.monitoring.attention import AttentionKind, Urgency, list_attention
from integrahub.monitoring.dependencies import Checks, DependencyCheck

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
_ID = UUID(int=1)
_STATE = HubState(
    now=_NOW,
    is_new=False,
    unaccounted=0,
    reconciled_at=_NOW,
    storage_used=1.0,
    storage_capacity=10.0,
    webhooks_pending=0.0,
    products_active=1.0,
    counted_at=_NOW,
    backlog=0,
    workers=1,
    apis=1,
    products_lately=0,
    oldest_at=None,
    processing=0,
    waiting=0,
)
_NOTHING = OverviewRows(_STATE, [], [], [], [], [], [], [])


def _ago(**units: float) -> datetime:
    return _NOW - timedelta(**units)


def _kinds(dependencies: Checks | None = None, **state: Any) -> list[tuple[AttentionKind, Urgency]]:
    rows = msgspec.structs.replace(_NOTHING, state=msgspec.structs.replace(_STATE, **state))
    return [(item.kind, item.urgency) for item in list_attention(rows, dependencies or {})]


def _held(hours: int) -> HeldDecision:
    return HeldDecision(_ID, "c", "n", _ago(hours=hours), _ago(hours=hours), 5, 20, "too_many_absent", None)


def _key(days: float) -> ExpiringKey:
    return ExpiringKey(_ID, f"{days:g}", None, None, _NOW + timedelta(days=days), None)


def test_a_hub_that_works_asks_for_nothing() -> None:
    assert _kinds({"storage": DependencyCheck(is_ok=True, latency_ms=1.0)}) == []


def test_acts_come_before_looks_then_kinds_then_the_oldest() -> None:
    silent = SilentPharmacy("c", "n", _ago(days=9), None, timedelta(hours=1), 0, None)
    webhook = SuspendedWebhook(_ID, "pharmacy", None, None, "h", _ago(days=20), None, 0)
    cause = OpenCause("f", "", "", "", "", 1, 1, _ago(days=30), _NOW)
    failed = FailedLoad(_ID, "c", "n", LoadType.FULL, _ago(days=1), _ago(days=1))
    state = msgspec.structs.replace(_STATE, unaccounted=3)
    rows = OverviewRows(state, [_held(2), _held(5)], [cause], [failed], [silent], [webhook], [_key(9), _key(2)], [])
    items = list_attention(rows, {"storage": DependencyCheck(is_ok=False, latency_ms=1.0)})
    act, look = Urgency.ACT, Urgency.LOOK
    assert [(item.kind, item.urgency) for item in items] == [
        (AttentionKind.DEPENDENCY, act),
        (AttentionKind.UNACCOUNTED, act),
        (AttentionKind.HELD, act),
        (AttentionKind.HELD, act),
        (AttentionKind.CAUSE, act),
        (AttentionKind.FAILED, act),
        (AttentionKind.KEY, act),
        (AttentionKind.SILENT, look),
        (AttentionKind.WEBHOOK, look),
        (AttentionKind.KEY, look),
    ]
    assert [item.since for item in items[2:4]] == [_ago(hours=5), _ago(hours=2)]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"oldest_at": _ago(minutes=6), "backlog": 5}, True),
        ({"oldest_at": _ago(minutes=4), "backlog": 5}, False),  # it may still begin
        ({"oldest_at": _ago(minutes=6), "backlog": 0}, False),
        ({"oldest_at": _ago(minutes=6), "backlog": 5, "products_lately": 1}, False),
        ({"oldest_at": None, "backlog": 5}, False),
    ],
)
def test_a_backlog_without_progress_for_five_minutes_is_stalled(state: dict[str, Any], expected: bool) -> None:
    assert ((AttentionKind.STALLED, Urgency.ACT) in _kinds(**state)) is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"counted_at": _ago(minutes=4)}, True),
        ({"counted_at": _ago(minutes=2)}, False),
        ({"counted_at": None}, False),  # it has just started
        ({"counted_at": None, "oldest_at": _ago(minutes=4), "backlog": 5}, True),
    ],
)
def test_figures_that_no_worker_counts_are_told_and_nothing_is_concluded_from_them(
    state: dict[str, Any], expected: bool
) -> None:
    assert _kinds(**state) == ([(AttentionKind.UNCOUNTED, Urgency.ACT)] if expected else [])


@pytest.mark.parametrize(("used", "urgency"), [(8.0, None), (8.1, Urgency.LOOK), (9.6, Urgency.ACT)])
def test_storage_asks_for_a_look_before_it_asks_for_an_act(used: float, urgency: Urgency | None) -> None:
    expected = [(AttentionKind.STORAGE, urgency)] if urgency else []
    assert _kinds(storage_used=used) == expected
    assert _kinds(storage_used=used, storage_capacity=None) == []
