"""Batches of thousands of records, posted without waiting, equal the sequential model with all counters."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrahub.settings.model import Settings
from tests.crash.client import cnpj_of
from tests.integration.conftest import ADMIN, Client, running
from tests.integration.test_sequential import rows_of
from tests.reference_model.compare import Comparison
from tests.reference_model.loads import Load
from tests.reference_model.strategies import catalogue_load
from tests.reference_model.wire import body_of, form

LONG = bool(os.environ.get("IHUB_LONG"))
PHARMACIES, BATCHES, LONGEST = (100, 10, 3000) if LONG else (2, 7, 800)
_AT_ONCE = 8  # pharmacies


@pytest.fixture
async def hub(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Yield a hub with chunks of the default size, two split and two upsert workers. Small FULLs take the fast path."""
    monkeypatch.setattr("integrahub.pipeline.split.fast_path.MIN_FULLS_PER_TRANSACTION", 1)
    settings = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, rate_limit="off")
    async with running(settings, ["split", "split", "upsert", "upsert", "finish", "sweep"]) as client:
        yield client


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("few", "part"), [(250, 128 << 10), (40, 4 << 10)])
async def test_random_batches_of_hundreds_of_records_equal_the_sequential_model(
    hub: Client, monkeypatch: pytest.MonkeyPatch, few: int, part: int
) -> None:
    monkeypatch.setattr("integrahub.domain.chunks.formats._MAX_ARRAY_RECORDS", few)
    monkeypatch.setattr("integrahub.domain.chunks.formats._MAX_ARRAY_BYTES", part)
    seed = int(os.environ.get("IHUB_SEED") or random.randrange(1 << 32))
    bound, totals = asyncio.Semaphore(_AT_ONCE), dict.fromkeys(("records", "updated", "merged", "rejected"), 0)

    async def one(number: int) -> None:
        async with bound:
            loads = await _pharmacy(hub, number, seed)
        for load in loads:
            totals["records"] += len(load.records)
            for name in ("updated", "merged", "rejected"):
                totals[name] += load.counters[name]

    await asyncio.gather(*map(one, range(1, PHARMACIES + 1)))
    print(f"{PHARMACIES} pharmacies, {PHARMACIES * BATCHES} batches, {totals}, IHUB_SEED={seed}")
    assert totals["updated"] and totals["merged"] and totals["rejected"]


async def _pharmacy(hub: Client, number: int, seed: int) -> list[Load]:
    """Post the batches of a pharmacy without waiting; compare when the last one is final."""
    draw, cnpj = random.Random(f"{seed}/{number}"), cnpj_of(number)
    key = (await hub.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    known = Comparison(rows_of(hub), cnpj, hub.hub.settings.data_dir / "objects")
    for _ in range(BATCHES):
        load = Load(*catalogue_load(draw, 300, LONGEST), form=form(draw), is_dry=draw.random() < 0.2)
        known.sent[await _post(hub, key, load)] = load
    for batch_id in known.sent:
        await hub.finished(batch_id, key)
    await asyncio.to_thread(known.check, f"IHUB_SEED={seed}, pharmacy {number}")
    return known.model.loads


async def _post(hub: Client, key: str, load: Load) -> str:
    """Post and return the batch id; retry, as clients do, while the pharmacy's turn is locked."""
    body, headers = body_of(load.records, load.form)
    for _ in range(20):
        answer = await hub.post(body, load.kind, **headers | load.headers | {"X-Api-Key": key})
        if answer.status_code != 503:
            break
        await asyncio.sleep(0.2)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])
