"""Fast path: small DELTAs applied together have the same result as on the normal path."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.batches import fast_path
from integrahub.domain.batches import LoadType
from integrahub.domain.dialects.inovafarma.dialect import InovaFarma
from integrahub.domain.errors import InvalidData
from integrahub.domain.steps import STEPS
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.pipeline.split.fast_path import FastPath
from integrahub.settings.model import Settings
from tests.crash.client import cnpj_of
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product


@pytest.fixture
async def splitting(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub that runs only the split step."""
    async with running(settings, ["split"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _rows(client: Client, statement: str) -> list[tuple[Any, ...]]:
    async with client.hub.database.transaction() as connection:
        return [tuple(row.values()) for row in await (await connection.execute(statement.encode())).fetchall()]


def _fast_path(client: Client) -> FastPath:
    return client.hub.fast_path(uuid4(), LoadType.DELTA, SplitLimits())


async def test_a_small_delta_needs_no_step_but_split(splitting: Client) -> None:
    batch = await splitting.load([product(1), product(2), product(2, PRICE=9), {"PRODUCTID": 3}], "delta")
    assert (batch["status"], batch["inserted"], batch["merged"], batch["rejected"]) == ("PARTIAL_FAIL", 2, 1, 1)
    again = await splitting.load([product(1, PRICE=7), product(2, PRICE=9), product(4)], "delta")
    assert (again["status"], again["inserted"], again["updated"], again["unchanged"]) == ("COMPLETED", 1, 1, 1)
    assert {n: item["price"] for n, item in (await splitting.products()).items()} == {1: 7, 2: 9, 4: 4.5}
    chunks = await _rows(splitting, "SELECT status, records, location FROM batch_chunks ORDER BY started_at")
    assert chunks == [("COMPLETED", 4, "body"), ("COMPLETED", 3, "body")]
    errors = (await splitting.get(f"/v1/batches/{batch['batch_id']}/errors"))["items"]
    assert [(error["product_id"], error["field"], error["code"]) for error in errors] == [
        ("3", "TITLE", "title_missing")
    ]


async def test_deltas_of_one_pharmacy_come_out_as_if_applied_one_by_one(splitting: Client) -> None:
    bodies = [[product(1 + n % 3, PRICE=n), product(100 + n)] for n in range(3, 60)]
    answers = await asyncio.gather(*(splitting.post(body, "delta") for body in bodies))
    batches = [await splitting.finished(answer.json()["batch_id"]) for answer in answers]
    assert {batch["status"] for batch in batches} == {"COMPLETED"}
    received = await _rows(splitting, "SELECT id FROM batches ORDER BY received_seq")
    sent = {answer.json()["batch_id"]: body for answer, body in zip(answers, bodies, strict=True)}
    expected: dict[int, float] = {}
    for (batch_id,) in received:
        expected |= {record["PRODUCTID"]: record["PRICE"] for record in sent[str(batch_id)]}
    assert {n: item["price"] for n, item in (await splitting.products()).items()} == expected
    finished = await _rows(splitting, "SELECT count(DISTINCT finished_at) FROM batches")
    assert finished[0][0] < len(bodies), "none of them shared a transaction"


async def test_a_delta_never_overtakes_a_full_that_is_not_finished(settings: Settings) -> None:
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        for price in (1, 2):
            await client.post(catalogue(120), "full")
            await client.post([product(5, PRICE=price)], "delta")
        async with running(settings, list(STEPS)):
            async with asyncio.timeout(60):
                while (await _rows(client, "SELECT count(*) FROM batches WHERE finished_at IS NULL"))[0][0]:
                    await asyncio.sleep(0.05)
        assert (await client.products())[5]["price"] == 2


async def test_what_is_wrong_with_one_small_batch_costs_no_other(client: Client) -> None:
    bodies: list[Any] = [[product(n)] for n in range(1, 20)]
    bodies[7], bodies[11] = b'[{"PRODUCTID": 1', json.dumps([product(50)]).encode()[:-1] + b"} trailing"
    bodies[15] = trailing = json.dumps([product(51)]).encode() + b" trailing"
    answers = await asyncio.gather(*(client.post(body, "delta") for body in bodies))
    batches = [await client.finished(answer.json()["batch_id"]) for answer in answers]
    assert [n for n, batch in enumerate(batches) if batch["status"] == "FAILED"] == [7, 11, 15]
    assert {batch["status"] for n, batch in enumerate(batches) if n not in (7, 11, 15)} == {"COMPLETED"}
    alone = await client.finished((await client.post(trailing, "delta")).json()["batch_id"])
    assert alone["status"] == "FAILED"  # also where no other body sends the group to the normal path
    assert len(await client.products()) == 16


async def test_one_batch_that_cannot_be_applied_takes_few_others_along(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = fast_path.merge_chunks

    async def refused(connection: Any, parts: Any, *rest: Any) -> Any:
        if any(7 in part.ids for part in parts):
            raise InvalidData("a row PostgreSQL refuses")
        return await merge(connection, parts, *rest)

    monkeypatch.setattr("integrahub.db.batches.fast_path.merge_chunks", refused)
    answers = await asyncio.gather(*(client.post([product(n)], "delta") for n in range(1, 21)))
    batches = [await client.finished(answer.json()["batch_id"]) for answer in answers]
    assert {batch["status"] for batch in batches} == {"COMPLETED"}
    announced = "SELECT batch_id, c.dispatched_at IS NULL FROM batch_chunks c JOIN batches b ON b.id = batch_id"
    shown = await _rows(client, f"{announced} ORDER BY b.received_seq")
    place = [str(batch_id) for batch_id, _ in shown].index(answers[6].json()["batch_id"])
    assert all(is_short for _, is_short in shown[:place]) and not shown[place][1]


async def test_small_batches_that_fail_together_go_the_long_way(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: Any) -> Any:
        raise InvalidData("a row PostgreSQL refuses")

    monkeypatch.setattr("integrahub.db.batches.fast_path.merge_chunks", refused)
    answers = await asyncio.gather(*(client.post([product(n)], "delta") for n in range(1, 9)))
    batches = [await client.finished(answer.json()["batch_id"]) for answer in answers]
    assert {(batch["status"], batch["inserted"]) for batch in batches} == {("COMPLETED", 1)}


async def test_a_small_body_that_cannot_be_read_sends_no_other_the_long_way(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = InovaFarma.identify_and_hash

    def unread(records: Any, seed: int) -> Any:
        if any(b"poison" in record for record in records):
            raise ZeroDivisionError
        return read(records, seed)

    monkeypatch.setattr(InovaFarma, "identify_and_hash", staticmethod(unread))
    async with running(settings, []) as client:
        keys = [(await client.admin("POST", f"/admin/pharmacies/{cnpj_of(n)}/api-key"))["api_key"] for n in range(1, 9)]
        for n, key in enumerate(keys):
            # An object as a value is not plain, so the kernel leaves the record to Python.
            body = [{"PRODUCTID": 1, "TITLE": "t"} | ({"poison": {}} if n == 3 else {})]
            await client.post(body, "delta", **{"X-Api-Key": key})
        wanted = [batch for (batch,) in await _rows(client, "SELECT id FROM batches ORDER BY received_at")]
        small = _fast_path(client)
        final = await asyncio.gather(*map(small, wanted))
        assert final == [n != 3 for n in range(8)]


async def test_a_group_that_fails_keeps_no_claims(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("integrahub.pipeline.split.small_bodies.SmallBodies.read_all", failing)
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch = (await client.post([product(1)], "delta")).json()["batch_id"]
        small = _fast_path(client)
        with pytest.raises(ZeroDivisionError):
            await small(UUID(batch))
        assert await _rows(client, "SELECT stage, claim_token, lease_until FROM batches") == [("received", None, None)]


async def test_halves_of_a_group_know_what_the_other_half_inserted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, groups = fast_path.apply_and_finish, list[int]()

    async def first_fails(database: Any, found: Any, *rest: Any) -> Any:
        groups.append(len(found))
        if len(groups) == 1:
            raise InvalidData("a row PostgreSQL refuses")
        return await settle(database, found, *rest)

    monkeypatch.setattr("integrahub.db.batches.fast_path.apply_and_finish", first_fails)
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        posted = [(await client.post([product(1, PRICE=n)], "delta")).json()["batch_id"] for n in range(1, 9)]
        small = _fast_path(client)
        assert await asyncio.gather(*(small(UUID(batch)) for batch in posted)) == [True] * 8
        assert groups == [8, 4, 4]
        assert [(await client.finished(batch))["inserted"] for batch in posted] == [1, *[0] * 7]


async def test_a_small_batch_that_is_cancelled_while_it_is_applied_leaves_nothing(
    splitting: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = fast_path.merge_chunks

    async def cancelled_meanwhile(connection: Any, parts: Any, *rest: Any) -> Any:
        found = await merge(connection, parts, *rest)
        await splitting.hub.decisions().cancel(UUID(str(parts[0].batch_id)))
        return found

    monkeypatch.setattr("integrahub.db.batches.fast_path.merge_chunks", cancelled_meanwhile)
    batch = await splitting.load([product(1)], "delta")
    assert (batch["status"], await splitting.products()) == ("CANCELLED", {})
