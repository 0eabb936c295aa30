"""Groups of the fast path: an unusual batch sends as few others as possible to the normal path."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.batches import fast_path
from integrahub.domain.batches import LoadType
from integrahub.domain.errors import Transient
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import product

OTHER = "33000167000101"


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub without workers."""
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _posted(client: Client, *bodies: Any, key: str = "") -> list[UUID]:
    """Post DELTAs with the key of a pharmacy; return their batches."""
    headers = {"X-Api-Key": key or client.key}
    return [UUID((await client.post(body, "delta", **headers)).json()["batch_id"]) for body in bodies]


async def _settled(client: Client, wanted: list[UUID], chunk_size: int = 1000) -> list[bool]:
    """Return which of these batches the fast path makes final as one group."""
    limits = SplitLimits(chunk_size=chunk_size)
    hub = client.hub
    small = hub.fast_path(uuid4(), LoadType.DELTA, limits)
    return list(await asyncio.gather(*map(small, wanted)))


async def test_a_body_at_fault_sends_its_own_pharmacys_batches_the_long_way_and_no_others(idle: Client) -> None:
    key = (await idle.admin("POST", f"/admin/pharmacies/{OTHER}/api-key"))["api_key"]
    own = await _posted(idle, [product(1)], b'[{"PRODUCTID": 1', [product(1, PRICE=9)])
    others = await _posted(idle, [product(1, CNPJ=OTHER)], [product(2, CNPJ=OTHER)], key=key)
    assert await _settled(idle, own + others) == [False, False, False, True, True]
    assert await idle.products() == {}


async def test_a_group_whose_claim_was_lost_is_not_tried_by_halves(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = list[int]()

    async def lost(_: Any, found: Any, *__: Any) -> Any:
        tried.append(len(found))
        raise Transient("some of the small batches are no longer ours")

    monkeypatch.setattr("integrahub.db.batches.fast_path.apply_and_finish", lost)
    wanted = await _posted(idle, *([product(number)] for number in range(4)))
    assert await _settled(idle, wanted) == [False] * 4
    assert tried == [4]


async def test_a_group_that_lost_one_of_its_batches_writes_nothing(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (await idle.admin("POST", f"/admin/pharmacies/{OTHER}/api-key"))["api_key"]
    cancelled, kept = [*await _posted(idle, [product(1)]), *await _posted(idle, [product(2, CNPJ=OTHER)], key=key)]
    merge = fast_path.merge_chunks

    async def cancelled_meanwhile(*given: Any) -> Any:
        found = await merge(*given)
        await idle.hub.decisions().cancel(cancelled)
        return found

    monkeypatch.setattr("integrahub.db.batches.fast_path.merge_chunks", cancelled_meanwhile)
    assert await _settled(idle, [cancelled, kept]) == [False, False]
    assert await idle.products() == {} == await _products(idle, key)
    assert (await idle.finished(str(cancelled)))["status"] == "CANCELLED"


async def test_a_load_and_a_dry_run_of_one_pharmacy_share_no_group(idle: Client) -> None:
    key = (await idle.admin("POST", f"/admin/pharmacies/{OTHER}/api-key"))["api_key"]
    dry = {"X-Inova-Dry-Run": "true"}
    wanted = await _posted(idle, [product(1)])
    wanted.append(UUID((await idle.post([product(1, PRICE=2)], "delta", **dry)).json()["batch_id"]))
    wanted += await _posted(idle, [product(2)])
    other = await idle.post([product(7, CNPJ=OTHER)], "delta", **dry, **{"X-Api-Key": key})
    wanted.append(UUID(other.json()["batch_id"]))
    assert await _settled(idle, wanted) == [True, False, False, True]
    assert await _settled(idle, wanted[1:3]) == [True, False]
    assert await _settled(idle, wanted[2:3]) == [True]
    shown = [await idle.finished(str(wanted[number])) for number in (1, 2)]
    assert [(batch["inserted"], batch["updated"]) for batch in shown] == [(0, 1), (1, 0)]
    assert await _products(idle, key) == {}
    assert {number: item["price"] for number, item in (await idle.products()).items()} == {1: 1.5, 2: 2.5}


async def _products(client: Client, key: str) -> dict[int, Any]:
    return {item["id"]: item for item in (await client.get("/v1/products", key))["items"]}


async def test_a_small_body_of_more_records_than_a_chunk_goes_the_long_way(idle: Client) -> None:
    wanted = await _posted(idle, [product(number) for number in range(1, 5)], [product(9)])
    assert await _settled(idle, wanted, chunk_size=4) == [True, True]
    wanted = await _posted(idle, [product(number, PRICE=2) for number in range(1, 6)])
    assert await _settled(idle, wanted, chunk_size=4) == [False]
