"""A dry run and the same post for real afterwards end equally, over random catalogues, forms and decisions."""

import os
import random
from typing import Any

import pytest

from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client
from tests.integration.test_batch_changes import absent, changes
from tests.integration.test_dry_runs import DRY, errors_of, outcome, state
from tests.integration.test_flow import _decided
from tests.integration.test_replays import replay
from tests.reference_model.strategies import catalogue_load, load
from tests.reference_model.wire import body_of, form

LONG = bool(os.environ.get("IHUB_LONG"))
_ROUNDS = 300 if LONG else 8


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limit": "off"})  # hundreds of posts of one pharmacy a minute


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("window", [0, 1])
async def test_a_dry_run_equals_the_load_after_it(client: Client, window: int) -> None:
    seed = int(os.environ.get("IHUB_SEED") or random.randrange(1 << 32))
    draw, told = random.Random(seed), f"IHUB_SEED={seed}"
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": window})
    kinds = {"full": 0, "delta": 0}
    for _ in range(_ROUNDS):
        load_type, records = draw.choice([load(draw, 60), load(draw, 60), catalogue_load(draw, 60, 150)])
        kinds[load_type] += 1
        applied = await _rehearse_and_apply(client, load_type, *body_of(records, form(draw)), told)
        await _decide(client, draw, applied)
    assert min(kinds.values()) or _ROUNDS < 20, kinds


async def _rehearse_and_apply(
    client: Client, load_type: str, body: bytes, headers: dict[str, str], told: str
) -> dict[str, Any]:
    before = await state(client)
    rehearsed = await client.load(body, load_type, **headers, **DRY)
    assert await state(client) == before, told
    applied = await client.load(body, load_type, **headers)
    # Into how many chunks a body is cut depends on whether its batch already had the turn.
    chunks = {"chunks_total": None}
    assert outcome(rehearsed) | chunks == outcome(applied) | chunks, told
    assert await errors_of(client, rehearsed) == await errors_of(client, applied), told
    assert await _changes(client, rehearsed) == await _changes(client, applied), told
    if applied["deactivation"]["state"] in ("held", "applied"):
        products = [(await absent(client, batch, limit=1000))["items"] for batch in (rehearsed, applied)]
        assert products[0] == products[1] and len(products[0]) == applied["deactivation"]["candidates"], told
    return applied


async def _changes(client: Client, batch: dict[str, Any]) -> dict[str, Any]:
    report = await changes(client, batch, limit=1000)
    assert report["next_cursor"] is None and report["summary"]["missing"] == 0
    return {name: report[name] for name in ("summary", "items")}


async def _decide(client: Client, draw: random.Random, batch: dict[str, Any]) -> None:
    """Approve or reject a held deactivation now and then, or replay the batch."""
    if batch["deactivation"]["state"] == "held" and draw.random() < 0.7:
        decision = draw.choice(["approve", "reject"])
        path = f"/v1/batches/{batch['batch_id']}/deactivation"
        headers = {"X-Admin-Api-Key": ADMIN}
        assert (await client.http.post(path, json={"decision": decision}, headers=headers)).is_success
        await _decided(client, batch["batch_id"], {"approve": "approved", "reject": "rejected"}[decision])
    elif batch["status"] != "FAILED" and draw.random() < 0.15:
        await replay(client, batch)
