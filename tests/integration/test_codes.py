"""Codes that ERPs send as numbers are found by their digits, and old ones are corrected."""

import json
from typing import Any

import pytest

from integrahub.domain.dialects.inovafarma.identify import derive_seed, hash_record
from tests.integration.conftest import Client

_WIRE = (
    b'[{"PRODUCTID":1,"TITLE":"DIPIRONA","EAN":7.89600470339E12,"SIZE":1.0},'
    b'{"PRODUCTID":2,"TITLE":"SORO","EAN":7896004703398.0,"NCM":30049099.0,"SHOPID":12.0,"CATEGORY":1.5},'
    b'{"PRODUCTID":3,"TITLE":"GAZE","EAN":1.0E7,"MEASURE":"1.0"},{"PRODUCTID":4,"TITLE":"LUVA","EAN":7896004703398}%b]'
)
_MANY = b"".join(b',{"PRODUCTID":%d,"TITLE":"T","EAN":7.89600470339E12}' % n for n in range(5, 45))


@pytest.mark.parametrize("load_type", ["full", "delta"])
@pytest.mark.parametrize("more", [b"", _MANY])
async def test_a_code_sent_as_a_double_is_its_digits(client: Client, load_type: str, more: bytes) -> None:
    batch = await client.load(_WIRE % more, load_type)
    assert (batch["status"], batch["rejected"]) == ("COMPLETED", 0)
    products = await client.products()
    eans = ["7896004703390", "7896004703398", "10000000", "7896004703398"]
    assert [products[n]["ean"] for n in range(1, 5)] == [products[n]["sku"] for n in range(1, 5)] == eans
    assert (products[2]["ncm"], products[2]["category"], products[2]["rawJson"]["SHOPID"]) == ("30049099", "1.5", "12")
    assert (products[1]["rawJson"]["SIZE"], products[3]["rawJson"]["MEASURE"]) == ("1.0", "1.0")
    assert 1 in {item["id"] for item in (await client.get("/v1/products", ean="7896004703390", limit=100))["items"]}


async def test_a_code_kept_with_an_exponent_comes_right_with_a_full_that_reads_its_record_again(client: Client) -> None:
    now: list[Any] = [{"PRODUCTID": n, "TITLE": "T", "EAN": 7.89600470339e12} for n in range(1, 40)]
    bodies = [
        json.dumps(now).replace("7896004703390.0", ean).encode() for ean in ('"7.89600470339E+12"', "7896004703390.0")
    ]
    await client.load(bodies[0])
    raws = [json.dumps(record).encode() for record in now]
    seed = derive_seed("full", "America/Sao_Paulo")
    async with client.hub.database.transaction() as connection:
        for number, raw in enumerate(raws, 1):
            kept = "UPDATE products SET record_hash = %s WHERE product_id = %s"
            await connection.execute(kept, [hash_record(raw, seed), number])
    assert (await client.load(bodies[1]))["unchanged"] == 39
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE products SET record_hash = NULL")
    assert (await client.load(bodies[1] + b" "))["updated"] == 39
    assert {item["ean"] for item in (await client.products()).values()} == {"7896004703390"}
