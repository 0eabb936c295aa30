"""The client library against a real hub: exactly once over broken connections, and the same in both forms."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from integrahub.client import ApiError, AsyncClient, Client
from integrahub.tools.demo.catalogue import load_sample
from tests.acceptance.breaking_proxy import breaking_proxy
from tests.acceptance.conftest import CNPJ, OTHER, Installation

_BATCHES = 40
_OF_ONE_PHARMACY = {"batch_id", "trace_id", "cnpj", "received_seq", "receipt"}
_CHANGING = {"received_at", "started_at", "finished_at", "rate", "estimated_completion_at", "estimate", "progress"}


def _address(hub: Installation) -> str:
    return f"http://127.0.0.1:{hub.port}"


def _send_sync(url: str, key: str, posts: list[list[Any]]) -> list[str]:
    sent = []
    for records in posts:
        with Client(url, key, retries=10) as client:
            sent.append(client.send(records, "delta").id)
    return sent


def _send_async(url: str, key: str, posts: list[list[Any]]) -> list[str]:
    async def send_each() -> list[str]:
        sent = []
        for records in posts:
            async with AsyncClient(url, key, retries=10) as client:
                sent.append((await client.send(records, "delta")).id)
        return sent

    return asyncio.run(send_each())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("send", "cnpj"), [(_send_sync, "11222333000181"), (_send_async, "60746948000112")])
def test_through_a_proxy_that_breaks_one_in_five_connections_every_batch_is_there_once(
    hub: Installation, send: Callable[[str, str, list[list[Any]]], list[str]], cnpj: str
) -> None:
    key, records = hub.make_key(cnpj), [{**record, "CNPJ": cnpj} for record in load_sample()[:400]]
    posts = [
        [record | {"PRICE": number + 1} for record in records[number * 5 : number * 5 + 100]]
        for number in range(_BATCHES)
    ]
    with breaking_proxy(hub.port) as proxy:
        sent = send(f"http://127.0.0.1:{proxy.port}", key, posts)
        assert proxy.broken >= _BATCHES // 5
    with Client(_address(hub), key) as client:
        ended = [client.batch(batch_id).wait(timeout=120) for batch_id in sent]
        stored = [row["batch_id"] for row in client.batches(limit=7)]
        prices = {item["id"]: item["price"] for item in client.products()}
    assert {batch["status"] for batch in ended} == {"COMPLETED"}
    assert sorted(stored) == sorted(sent) and len(set(sent)) == _BATCHES
    assert prices == {int(record["PRODUCTID"]): record["PRICE"] for post in posts for record in post}


async def _use_async(url: str, key: str, path: Path, records: list[Any]) -> list[Any]:
    async def generate() -> AsyncIterator[Any]:
        for record in records:
            yield record

    async with AsyncClient(url, key) as client:
        batch = await client.send(path, "full")
        full = await batch.wait(timeout=120)
        delta = await client.send(generate(), "delta")
        results = [full, await delta.wait(timeout=120), [row async for row in delta.errors()]]
        results.append([item async for item in client.products(sort="product_id")])
        with pytest.raises(ApiError) as refused:
            await client.batch("00000000-0000-7000-8000-000000000000")
        return [*results, delta.status, delta.is_final, refused.value.code, refused.value.status]


def _use_sync(url: str, key: str, path: Path, records: list[Any]) -> list[Any]:
    with Client(url, key) as client:
        batch = client.send(path, "full")
        full = batch.wait(timeout=120)
        delta = client.send(iter(records), "delta")
        results = [full, delta.wait(timeout=120), list(delta.errors()), list(client.products(sort="product_id"))]
        with pytest.raises(ApiError) as refused:
            client.batch("00000000-0000-7000-8000-000000000000")
        return [*results, delta.status, delta.is_final, refused.value.code, refused.value.status]


def _comparable(value: Any) -> Any:
    """Return the value without what differs by pharmacy and by time."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        left_out = _OF_ONE_PHARMACY | _CHANGING
        return {
            name: _comparable(item)
            for name, item in value.items()
            if name not in left_out and not name.lower().endswith(("_at", "at", "rawjson"))
        }
    return value


def test_both_forms_do_the_same(hub: Installation, tmp_path: Path) -> None:
    records = [{name: value for name, value in record.items() if name != "CNPJ"} for record in load_sample()[:1500]]
    (tmp_path / "catalogue.json").write_text(json.dumps(records))
    changes = [records[0] | {"PRICE": 77}, {"PRODUCTID": "none"}, records[1] | {"PRICE": "-1"}]
    one = _use_sync(_address(hub), hub.make_key(CNPJ), tmp_path / "catalogue.json", changes)
    other = asyncio.run(_use_async(_address(hub), hub.make_key(OTHER), tmp_path / "catalogue.json", changes))
    assert len(one[3]) == len({record["PRODUCTID"] for record in records}) and len(one[2]) == 2
    assert one[4:] == ["PARTIAL_FAIL", True, "batch_not_found", 404]
    assert _comparable(one) == _comparable(other)


def test_a_repeated_key_is_one_batch_and_a_key_with_other_content_is_refused(hub: Installation) -> None:
    with Client(_address(hub), hub.make_key("19131243000197")) as client:
        first = client.send([{"PRODUCTID": 1, "TITLE": "A"}], "delta", idempotency_key="an-export")
        again = client.send([{"PRODUCTID": 1, "TITLE": "A"}], "delta", idempotency_key="an-export")
        assert (first.is_repeated, again.is_repeated) == (False, True) and first.id == again.id
        with pytest.raises(ApiError) as refused:
            client.send([{"PRODUCTID": 2, "TITLE": "B"}], "delta", idempotency_key="an-export")
    assert (refused.value.status, refused.value.retryable) == (422, False)


def test_a_dry_run_changes_nothing_and_has_its_counters(hub: Installation) -> None:
    with Client(_address(hub), hub.make_key("00000000000191")) as client:
        rehearsed = client.send([{"PRODUCTID": 1, "TITLE": "A"}], "delta", dry_run=True)
        assert rehearsed.wait(timeout=120)["inserted"] == 1
        assert list(client.products()) == []


def test_a_refusal_in_the_middle_of_an_upload_is_reported_as_one(hub: Installation, tmp_path: Path) -> None:
    noise = random.Random(7)
    records = [{"PRODUCTID": number, "TITLE": noise.randbytes(20_000).hex()} for number in range(500)]
    (tmp_path / "catalogue.json").write_text(json.dumps(records))
    with Client(_address(hub), "a-wrong-key-of-tests") as client, pytest.raises(ApiError) as refused:
        client.send(tmp_path / "catalogue.json", "full")
    assert (refused.value.status, refused.value.retryable) == (401, False)


def test_changes_of_a_batch_of_a_product_and_of_the_catalogue_are_read_page_by_page(hub: Installation) -> None:
    records = [{"PRODUCTID": number, "TITLE": f"Product {number}", "PRICE": 1} for number in range(1, 6)]
    with Client(_address(hub), hub.make_key("12ABC34501DE35")) as client:
        client.send(records, "full").wait(timeout=120)
        pages = list(client.changes(limit=2))
        assert sorted(item["product_id"] for page in pages for item in page) == [1, 2, 3, 4, 5]
        cheaper = client.send([{"PRODUCTID": 3, "PRICE": 0.5}, {"PRODUCTID": 4, "PRICE": 2}], "delta")
        cheaper.wait(timeout=120)
        changed = [row for page in cheaper.changes(limit=1) for row in page]
        assert [(row["product_id"], row["kind"], row["fields"]) for row in changed] == [
            (3, "updated", {"price": [1.0, 0.5]}),
            (4, "updated", {"price": [1.0, 2.0]}),
        ]
        later = [item for page in client.changes(pages[-1].next_cursor) for item in page]
        assert {item["product_id"]: item["product"]["price"] for item in later} == {3: 0.5, 4: 2.0}
        newest = next(client.history(3))
        assert (newest["batch_id"], newest["fields"]) == (cheaper.id, {"price": [1.0, 0.5]})
        assert client.product(3)["price"] == 0.5
        held = client.send([records[0]], "full").wait(timeout=120)
        assert held["deactivation"]["state"] == "applied"
        assert [row["product_id"] for row in client.batch(held["batch_id"]).absent_products()] == [2, 3, 4, 5]
