"""A product repeated in a chunk is one product, in every way of reading the records."""

import gzip
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrahub.db.products import chunk_merge
from integrahub.db.products import merge as merging
from integrahub.domain.chunks.formats import ChunkObject
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeResult
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with chunks of the default size, which are read in several parts."""
    return settings.model_copy(update={"chunk_size": Settings.model_fields["chunk_size"].default})


def _product(number: int, price: float, **more: Any) -> dict[str, Any]:
    return {"PRODUCTID": number, "TITLE": f"P {number}", "PRICE": price} | more


async def _known(client: Client, count: int) -> None:
    await client.load([_product(n, 1, QUANTITY=1) for n in range(1, count + 1)])


async def test_a_later_record_of_a_small_deltas_product_adds_to_its_first(client: Client) -> None:
    await _known(client, 399)
    records: list[dict[str, Any]] = [{"PRODUCTID": n, "PRICE": 2} for n in range(1, 300)]
    batch = await client.load([*records, {"PRODUCTID": 5, "QUANTITY": 9}], "delta")
    assert (batch["status"], batch["updated"], batch["unchanged"], batch["merged"]) == ("COMPLETED", 299, 0, 1)
    found = (await client.products())[5]
    assert (found["price"], found["stock"]) == (2, 9)


async def test_the_last_of_a_deltas_records_of_a_product_wins(client: Client) -> None:
    await _known(client, 399)
    first = [{"PRODUCTID": n, "PRICE": 2} for n in range(1, 300)]
    batch = await client.load([*first, *({"PRODUCTID": n, "PRICE": 3} for n in range(1, 200))], "delta")
    assert (batch["updated"], batch["unchanged"], batch["merged"]) == (299, 0, 199)
    prices = {n: item["price"] for n, item in (await client.products()).items()}
    assert prices == {n: 3 if n < 200 else 2 if n < 300 else 1 for n in range(1, 400)}


async def test_neighbouring_promotions_at_the_border_of_a_part_are_all_kept(client: Client) -> None:
    long = {"DESCRIPTION": "d" * 280}
    await client.load([_product(n, 1) | long for n in range(1, 900)])
    for border in range(300, 420):  # one of these pairs stands at the border of 128 KiB
        pair = [_product(border, 3, PRICEPROMO=promotion) | long for promotion in (9, 11)]
        wire = [*(_product(n, 3) | long for n in range(1, border)), *pair]
        wire += [_product(n, 3) | long for n in range(border + 1, 900)]
        body = json.dumps(wire, separators=(",", ":")).encode()
        start = body.rfind(b"},{", 0, 128 * 1024) + 2
        if json.loads(body[start : body.find(b"}", start) + 1])["PRODUCTID"] == border == _before(body, start):
            break
    else:
        pytest.fail("no pair stood at the border")
    batch = await client.load(body)
    assert (batch["updated"], batch["merged"], batch["unchanged"]) == (899, 1, 0)
    assert (await client.products())[border]["pricePromos"] == [9, 11]


def _before(body: bytes, start: int) -> int:
    """Return the product whose record ends before `start`."""
    begin = body.rfind(b"{", 0, start - 1)
    return int(json.loads(body[begin : start - 1])["PRODUCTID"])


async def test_promotions_of_a_first_full_cost_no_record(client: Client) -> None:
    draw, wire = random.Random(4), []
    for n in range(1, 5003):
        noise = draw.randbytes(30).hex()  # so that the body is too long to ride in its row
        wire += [_product(n, 1, PRICEPROMO=p, DESCRIPTION=noise) for p in ((9, 11) if n in (250, 1249) else (5,))]
    batch = await client.load(gzip.compress(json.dumps(wire).encode()), **{"Content-Encoding": "gzip"})
    assert (batch["status"], batch["inserted"], batch["merged"]) == ("COMPLETED", 5002, 2)
    products = await client.products()
    assert [products[n]["pricePromos"] for n in (250, 1249)] == [[9, 11], [9, 11]]


async def test_a_product_absent_from_a_full_with_repeats_is_deactivated(client: Client) -> None:
    await _known(client, 899)
    wire = [_product(n, 2, DESCRIPTION="d" * 280) for n in (*range(1, 899), 5)]
    batch = await client.load(json.dumps(wire, separators=(",", ":")).encode())
    assert (batch["updated"], batch["merged"], batch["deactivated"]) == (898, 1, 1)
    assert sorted(await client.products()) == list(range(1, 899))


async def test_two_rows_of_one_product_are_refused_aloud(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ChunkDecoder.decode

    def doubled(*asked: Any) -> DecodeResult:
        reading = read(*asked)
        return DecodeResult([*reading.lines, *reading.lines[-1:]])

    monkeypatch.setattr(ChunkDecoder, "decode", doubled)
    async with client.hub.database.transaction() as connection:
        claim: dict[str, Any] = {
            "cnpj": CNPJ,
            "load_type": "full",
            "time_zone": "America/Sao_Paulo",
            "has_products": False,
        }
        claim |= {
            "seq": 1,
            "fills_catalogue": True,
            "pharmacy_id": 1,
            "batch_id": 1,
            "number": 0,
            "ids": [1],
            "hashes": [1],
        }
        payload = ChunkObject([0], [1], [b'{"PRODUCTID":1,"TITLE":"a"}'], {})
        with pytest.raises(ArithmeticError, match="more than one row"):
            chunk = chunk_merge.ChunkToApply(**claim, records=payload)
            await merging.merge_chunks(connection, [chunk], merging.MergeRules(client.hub.decoder))


@pytest.fixture
async def narrow(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Yield a hub with chunks of 10 records that rejects a product with more than 20 records."""
    monkeypatch.setattr("integrahub.storage.spill.MAX_REPEATS", 20)
    async with running(settings.model_copy(update={"chunk_size": 10}), list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


@pytest.mark.parametrize(
    ("load_type", "encoding", "far"),
    [("full", "", False), ("full", "gzip", True), ("delta", "gzip", False), ("delta", "", True)],
)
async def test_a_product_repeated_beyond_measure_is_rejected_alone(
    narrow: Client, load_type: str, encoding: str, far: bool
) -> None:
    await narrow.load([_product(n, 1) for n in range(1, 31)])
    # Over a hundred in a row are no promotions of one product: the chunk closes.
    wire = [_product(n, 2) for n in range(1, 30)]
    repeats = [_product(7, 3, PRICEPROMO=n) for n in range(150)]
    wire = [one for pair in zip(repeats, wire * 6, strict=False) for one in pair] if far else [*wire, *repeats]
    own, others = sum(one["PRODUCTID"] == 7 for one in wire), sum(one["PRODUCTID"] != 7 for one in wire)
    body = json.dumps(wire).encode()
    batch = await narrow.load(gzip.compress(body) if encoding else body, load_type, **{"Content-Encoding": encoding})
    assert (batch["status"], batch["rejected"], batch["updated"]) == ("PARTIAL_FAIL", own, 28)
    assert batch["merged"] == others - 28
    products = await narrow.products()
    assert {n: item["price"] for n, item in products.items()} == {n: 1 if n in (7, 30) else 2 for n in products}
    # In a FULL the product is present; product 30 is not.
    assert sorted(products) == list(range(1, 30 if load_type == "full" else 31))
    text = await narrow.http.get(
        f"/v1/batches/{batch['batch_id']}/errors?format=ndjson", headers={"X-Api-Key": narrow.key}
    )
    faults = [json.loads(line) for line in text.text.splitlines()]
    assert {(fault["product_id"], fault["code"], fault["field"]) for fault in faults} == {
        ("7", "product_repeated", "PRODUCTID")
    }
    at = [position for position, one in enumerate(wire) if one["PRODUCTID"] == 7]
    assert [fault["position"] for fault in faults] == at
    assert faults[-1]["byte_offset"] == body.rindex(b'{"PRODUCTID": 7')
    rejected = await narrow.get(f"/v1/batches/{batch['batch_id']}/rejected")
    assert sorted(map(json.dumps, rejected)) == sorted(json.dumps(wire[position]) for position in at)


async def test_a_batch_of_one_product_beyond_measure_applies_nothing(narrow: Client) -> None:
    await narrow.load([_product(n, 1) for n in range(1, 31)])
    batch = await narrow.load([_product(7, n) for n in range(150)])
    assert (batch["status"], batch["rejected"], batch["deactivated"]) == ("FAILED", 150, 0)
    assert len(await narrow.products()) == 30


async def test_a_replay_rejects_what_its_batch_rejected(narrow: Client) -> None:
    first = await narrow.load([*(_product(n, 1) for n in range(1, 6)), *(_product(7, n) for n in range(150))])
    path = f"/v1/batches/{first['batch_id']}/replay"
    answer = (await narrow.http.post(path, headers={"X-Admin-Api-Key": ADMIN})).json()
    again = await narrow.finished(answer["batch_id"])
    assert (again["rejected"], again["unchanged"]) == (150, 5)


async def test_a_few_promotions_at_the_border_of_a_chunk_stay_together_and_many_do_not(narrow: Client) -> None:
    few = await narrow.load(
        [*(_product(n, 1) for n in range(1, 10)), *(_product(10, 1, PRICEPROMO=n) for n in (1, 2, 3))]
    )
    assert (few["chunks_total"], few["merged"]) == (1, 2)
    many = await narrow.load([_product(n // 15, 1, PRICEPROMO=n) for n in range(15, 315)])
    assert (many["inserted"] + many["updated"], many["merged"], many["rejected"]) == (20, 280, 0)
    assert {len(item["pricePromos"]) for item in (await narrow.products()).values()} == {15}
