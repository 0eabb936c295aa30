"""Replays of a batch or its dead chunks at their original position."""

import asyncio
import gzip
import json
import random
import shutil
from typing import Any
from uuid import UUID

import pytest

from integrahub.db.batches import replays
from integrahub.db.products import merge as merging
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import Poison
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import _decided, _pass_minutes


def product(number: int, **changes: Any) -> dict[str, Any]:
    return {"PRODUCTID": number, "TITLE": f"P {number}", "PRICE": number, "QUANTITY": 3} | changes


def catalogue(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [product(number, **changes) for number in range(1, count + 1)]


async def replay(client: Client, batch: dict[str, Any], key: str = "") -> dict[str, Any]:
    """Replay a batch and return the new one when it is final, as a key may read it."""
    headers = {"X-Admin-Api-Key": ADMIN}
    answer = await client.http.post(f"/v1/batches/{batch['batch_id']}/replay", headers=headers)
    assert answer.status_code == 202, answer.text
    return await client.finished(answer.json()["batch_id"], key)


async def refused(client: Client, path: str) -> dict[str, Any]:
    answer = await client.http.post(path, headers={"X-Admin-Api-Key": ADMIN})
    assert answer.status_code == 409, answer.text
    return dict(answer.json())


async def killing(client: Client, monkeypatch: pytest.MonkeyPatch, body: list[Any], load_type: str) -> dict[str, Any]:
    """Post a load whose chunks with product 1 fail in the merge."""
    merge = merging.merge_chunks

    async def failing(connection: Any, parts: Any, *rest: Any) -> Any:
        if any(
            json.loads(record).get("PRODUCTID") == 1 for part in parts for record in part.records.to_object().records
        ):
            raise Poison("a fault of this chunk's own")
        return await merge(connection, parts, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("integrahub.db.chunks.apply.merge_chunks", failing)
        patch.setattr("integrahub.db.batches.fast_path.merge_chunks", failing)
        patch.setattr("integrahub.resilience.retry_policy.RetryPolicy.decide", lambda *_, **__: None)
        batch = await client.load(body, load_type)
    assert batch["dead"] > 0
    return batch


async def test_a_replayed_delta_leaves_what_a_later_delta_said_key_by_key(client: Client) -> None:
    await client.load(catalogue(3))
    first = await client.load([{"PRODUCTID": 1, "PRICE": 10, "BRAND": "old"}, {"PRODUCTID": 2, "PRICE": 20}], "delta")
    await client.load([{"PRODUCTID": 1, "PRICE": 11}, {"PRODUCTID": 2, "PRICE": 21, "BRAND": "new"}], "delta")
    again = await replay(client, first)
    assert (again["kind"], again["parent_id"], again["items_total"]) == ("replay", first["batch_id"], 2)
    assert (again["unchanged"], again["superseded"], again["status"]) == (1, 1, "COMPLETED")
    products = await client.products()
    assert [(products[n]["price"], products[n]["brand"]) for n in (1, 2)] == [(11, "old"), (21, "new")]


async def test_a_replayed_batch_leaves_out_what_a_later_full_applied(client: Client) -> None:
    first = await client.load(catalogue(60, BRAND="old"))
    await client.load(catalogue(60, BRAND="new"))
    again = await replay(client, first)
    assert (again["superseded"], again["updated"], again["status"]) == (60, 0, "COMPLETED")
    assert {item["brand"] for item in (await client.products()).values()} == {"new"}


async def test_dead_chunks_are_applied_by_a_replay_of_their_letters_and_only_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await killing(client, monkeypatch, catalogue(120, BRAND="x"), "full")
    assert (batch["status"], batch["inserted"], batch["dead"]) == ("PARTIAL_FAIL", 70, 50)
    await client.load([{"PRODUCTID": 60, "BRAND": "y"}], "delta")
    wanted = {"filter": {"batch_id": batch["batch_id"]}}
    told = await _post(client, "/v1/dead-letters/replay", wanted)
    assert (told["asked"], told["refused"]) == (1, [])
    (letter,) = (await client.admin("GET", "/v1/dead-letters"))["items"]
    chunk_replay = await _settled(client, letter["id"])
    assert (chunk_replay["kind"], chunk_replay["inserted"], chunk_replay["status"]) == ("chunk_replay", 50, "COMPLETED")
    assert len(await client.products()) == 120
    assert (await _post(client, "/v1/dead-letters/replay", wanted))["asked"] == 0


async def test_a_product_that_a_later_full_no_longer_had_comes_back_inactive(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.load([product(number) for number in range(2, 63)])
    dead = await killing(client, monkeypatch, [product(1), product(61)], "delta")
    await client.load([product(number) for number in range(2, 61)] + [product(61, PRICE=5)])
    again = await replay(client, dead)
    assert (again["inserted"], again["superseded"]) == (1, 1)
    assert 1 not in await client.products()
    item = (await client.products(include_inactive="true"))[1]
    assert (item["isActive"], item["price"]) == (False, 1)


async def test_a_full_that_had_nothing_to_deactivate_is_a_witness_against_a_replayed_product(client: Client) -> None:
    await client.load(catalogue(60))
    cancelled = await _cancelled(client, [product(61), product(900)], "delta")
    full = await client.load(catalogue(61))
    assert full["deactivation"] == full["deactivation"] | {"state": "none", "candidates": 0, "active": 60}
    again = await replay(client, cancelled)
    assert (again["inserted"], again["superseded"], again["status"]) == (1, 1, "COMPLETED")
    products = await client.products(include_inactive="true")
    assert (products[900]["isActive"], products[61]["isActive"]) == (False, True)
    verified = await client.hub.verify()(CNPJ, lambda _, __: None)
    assert (verified.judged, verified.found) == (62, 0)


async def test_a_full_that_may_be_incomplete_is_no_witness(client: Client) -> None:
    await client.load(catalogue(60))
    cancelled = await _cancelled(client, [product(900)], "delta")
    full = await client.load([*catalogue(60), {"TITLE": "without an id"}])
    assert full["deactivation"]["state"] == "none"
    await replay(client, cancelled)
    assert (await client.products())[900]["isActive"] is True


async def test_a_full_in_parts_that_had_nothing_to_deactivate_is_a_witness_too(client: Client) -> None:
    await client.load(catalogue(60))
    cancelled = await _cancelled(client, [product(900)], "delta")
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    await _pass_minutes(client, 5)
    await client.load(catalogue(40))
    last = await client.load([product(number) for number in range(41, 61)])
    await _pass_minutes(client, 3)
    assert (await _decided(client, last["batch_id"]))["deactivation"]["state"] == "none"
    await replay(client, cancelled)
    assert (await client.products(include_inactive="true"))[900]["isActive"] is False


async def test_a_replayed_full_that_is_not_the_newest_is_held_and_may_be_approved(client: Client) -> None:
    await client.load(catalogue(10))
    first = await client.load(catalogue(8))
    await client.load([product(10)], "delta")
    await client.load([product(20)], "delta")
    again = await replay(client, first)
    assert (again["deactivation"]["state"], again["deactivation"]["candidates"]) == ("none", 0)
    cancelled = await client.load(catalogue(9, BRAND="z"))
    assert cancelled["deactivation"]["state"] == "applied"
    await client.load([product(10), product(20)], "delta")
    older = await replay(client, first)
    assert (older["superseded"], older["deactivation"]["state"]) == (8, "none")


async def test_a_batch_cancelled_in_time_can_be_replayed_from_its_body(client: Client) -> None:
    await client.load(catalogue(5))
    answer = await client.post(catalogue(5, BRAND="late"))
    batch_id = answer.json()["batch_id"]
    await client.http.post(f"/v1/batches/{batch_id}/cancel", headers={"X-Admin-Api-Key": ADMIN})
    await client.finished(batch_id)
    await replay(client, {"batch_id": batch_id})
    assert {item["brand"] for item in (await client.products()).values()} == {"late"}


async def test_a_replay_is_refused_while_it_could_undo_what_is_no_longer_known(client: Client) -> None:
    body = [product(n, DESCRIPTION=random.randbytes(1500).hex()) for n in range(1, 60)]
    first = await client.load(body)
    text = gzip.compress(json.dumps([record | {"PRICE": 5} for record in body]).encode())
    later = await client.load(text, "delta", **{"Content-Encoding": "gzip"})
    objects = client.hub.settings.data_dir / "objects"
    shutil.rmtree(objects / "chunks")
    again = await replay(client, first)
    assert again["unchanged"] == 59
    (body_file,) = (path for path in (objects / "batches").rglob("*") if later["batch_id"] in path.name)
    body_file.unlink()
    told = await refused(client, f"/v1/batches/{first['batch_id']}/replay")
    assert (told["code"], told["batch_id"]) == ("replay_later_expired", later["batch_id"])
    told = await refused(client, f"/v1/batches/{later['batch_id']}/replay")
    assert told["code"] == "replay_body_expired"


async def _cancelled(client: Client, body: list[Any], load_type: str) -> dict[str, Any]:
    """Post and cancel a load before its split, while the pharmacy's turn is held."""
    async with client.hub.database.transaction() as connection:
        await connection.execute("LOCK TABLE batch_chunks IN ACCESS EXCLUSIVE MODE")
        posted = dict((await client.post(body, load_type)).json())
        cancelled = "UPDATE batches SET status = 'CANCELLED', stage = 'done', finished_at = now() WHERE id = %s"
        await connection.execute(cancelled, [posted["batch_id"]])
    return await client.finished(posted["batch_id"])


async def _post(client: Client, path: str, body: Any) -> Any:
    answer = await client.http.post(path, json=body, headers={"X-Admin-Api-Key": ADMIN})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def _settled(client: Client, letter_id: int) -> dict[str, Any]:
    """Return the batch that replayed the records of a dead letter, when it is final."""
    for _ in range(600):
        letter = await client.admin("GET", f"/v1/dead-letters/{letter_id}")
        if letter["settled_at"]:
            return await client.finished(letter["replayed_by"])
        await asyncio.sleep(0.05)
    raise AssertionError("the letter was never released")


async def test_a_batch_is_replayed_only_when_it_is_final_and_once_at_a_time(settings: Settings) -> None:
    async with running(settings, []) as idle:
        idle.key = (await idle.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        posted = (await idle.post(catalogue(2))).json()["batch_id"]
        path = f"/v1/batches/{posted}/replay"
        assert (await refused(idle, path))["code"] == "replay_unfinished"
        await idle.admin("POST", f"/v1/batches/{posted}/cancel")
        answer = await idle.http.post(path, headers={"X-Admin-Api-Key": ADMIN})
        assert answer.status_code == 202, answer.text
        assert (await refused(idle, path))["code"] == "replay_pending"
        assert len((await idle.get("/v1/batches"))["items"]) == 2


async def test_letters_that_are_settled_make_no_batch_and_take_no_number(settings: Settings) -> None:
    letter = (
        "INSERT INTO dead_letters (batch_id, chunk, records, error_class, error_code, culprit, message, stack,"
        " attempts, fingerprint, settled_at, replay_asked_at, bulk_operation_id)"
        " VALUES (%s, 0, 1, '', '', '', '', '', '[]', '', now(), now(), %s) RETURNING id"
    )
    async with running(settings, []) as idle:
        idle.key = (await idle.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        posted = UUID((await idle.post(catalogue(2))).json()["batch_id"])
        async with idle.hub.database.transaction() as connection:
            row = await (await connection.execute(letter, [posted, posted])).fetchone()
        assert row is not None
        assert await replays.queue_chunk_replay(idle.hub.database, posted, [row["id"]], posted, InFlightLimit()) is None
        assert (await idle.get("/v1/batches"))["items"][0]["received_seq"] == 1
        again = (await idle.post([product(1)], "delta")).json()["batch_id"]
        assert (await idle.get(f"/v1/batches/{again}"))["received_seq"] == 2
