"""A product repeated anywhere in a chunk is one product, however the chunk's records are read."""

import gzip
import json
import random
from typing import Any

import pytest

from integrahub.db import merging
from integrahub.domain.chunking import Payload
from integrahub.domain.inovafarma_lines import Reading
from integrahub.settings import Settings
from tests.integration.conftest import CNPJ, Client


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Chunks of the default size: they are read in several parts."""
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
    """The product whose record ends before `start`."""
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
    read = merging.read_lines

    def doubled(*asked: Any) -> Reading:
        reading = read(*asked)
        return Reading([*reading.lines, *reading.lines[-1:]])

    monkeypatch.setattr("integrahub.db.merging.read_lines", doubled)
    async with client.hub.database.transaction() as connection:
        claim = {"cnpj": CNPJ, "load_type": "full", "time_zone": "America/Sao_Paulo", "has_products": False}
        claim |= {"pharmacy_id": 1, "batch_id": 1, "number": 0, "ids": [1], "hashes": [1]}
        payload = Payload([0], [1], [b'{"PRODUCTID":1,"TITLE":"a"}'], {})
        with pytest.raises(ArithmeticError, match="more than one row"):
            await merging.apply(connection, [merging.Part(claim, payload)], 65536)
