"""The Chatwoot consumer reads what it always read: each field with its value, type and format, from a real hub."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.conftest import CNPJ, Client

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_RECORD: dict[str, Any] = {
    "CNPJ": CNPJ,
    "PRODUCTID": 205524,
    "TITLE": 'DIPIRONA SÓDICA "500MG"\u00a0CX 10',
    "DESCRIPTION": "Analgésico\ne antitérmico",
    "BRAND": "GENÉRICO",
    "NCM": "30049024",
    "CATEGORY": "SEM TARJA",
    "IMAGELINK": "https://cdn.example/205524.png",
    "EAN": "7891234567895",
    "PRICE": 13.42,
    "PRICEPROMO": 12.08,
    "QUANTITY": 19.5,
    "DATAATUALIZACAOPRODUTO": "2026-03-01T10:00:00",
    "LABORATORIO": "X",
}


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_time(value: Any) -> bool:
    return _is_text(value) and bool(_TIME.fullmatch(value))


def _is_null(value: Any) -> bool:
    return value is None


def _are_numbers(value: Any) -> bool:
    return type(value) is list and all(map(_is_number, value))


_ANY = object()  # a value that differs in each run
_Field = tuple[Callable[[Any], bool], Any]
# Type and value of each field: of a product with everything, and of one with a title alone.
_FIELDS: dict[str, tuple[_Field, _Field]] = {
    "id": ((_is_int, 205524), (_is_int, 7)),
    "productId": ((_is_int, 205524), (_is_int, 7)),
    "product_id": ((_is_int, 205524), (_is_int, 7)),
    "title": ((_is_text, _RECORD["TITLE"]), (_is_text, "Soro")),
    "name": ((_is_text, _RECORD["TITLE"]), (_is_text, "Soro")),
    "sku": ((_is_text, "7891234567895"), (_is_text, "7")),
    "ean": ((_is_text, "7891234567895"), (_is_text, "")),
    "price": ((_is_number, 13.42), (_is_number, 0)),
    "pricePromo": ((_is_number, 9.9), (_is_null, None)),
    "pricePromos": ((_are_numbers, [9.9, 12.08]), (_are_numbers, [])),
    "stock": ((_is_number, 19.5), (_is_number, 0)),
    "quantity": ((_is_number, 19.5), (_is_number, 0)),
    "brand": ((_is_text, "GENÉRICO"), (_is_text, "")),
    "category": ((_is_text, "SEM TARJA"), (_is_text, "")),
    "description": ((_is_text, "Analgésico\ne antitérmico"), (_is_text, "")),
    "image": ((_is_text, "https://cdn.example/205524.png"), (_is_text, "")),
    "imageLink": ((_is_text, "https://cdn.example/205524.png"), (_is_text, "")),
    "cnpj": ((_is_text, CNPJ), (_is_text, CNPJ)),
    "ncm": ((_is_text, "30049024"), (_is_text, "")),
    "isActive": ((lambda value: type(value) is bool, True), (lambda value: type(value) is bool, True)),
    "updatedAt": ((_is_time, _ANY), (_is_time, _ANY)),
    "lastSeenAt": ((_is_time, _ANY), (_is_time, _ANY)),
    "rawJson": ((lambda value: type(value) is dict, _ANY), (lambda value: type(value) is dict, _ANY)),
}
_RAW = {"PRODUCTID", "TITLE", "DESCRIPTION", "BRAND", "NCM", "CATEGORY", "IMAGELINK", "EAN", "PRICE", "QUANTITY"}


def _wrong(item: dict[str, Any], which: int) -> dict[str, Any]:
    """Return the fields of an item that are missing, or whose type, format or value is another."""
    wrong: dict[str, Any] = {}
    for name, kinds in _FIELDS.items():
        has_type, expected = kinds[which]
        if name not in item or not has_type(item[name]) or (expected is not _ANY and item[name] != expected):
            wrong[name] = item.get(name, "missing")
    return wrong


async def test_each_field_of_a_product_has_its_value_type_and_format(client: Client) -> None:
    began = datetime.now(UTC)
    promotion = _RECORD | {"PRICEPROMO": "9,90"}
    await client.load([_RECORD, promotion, {"PRODUCTID": 7, "TITLE": "Soro"}])
    answer = await client.http.get("/v1/products?sort=product_id", headers={"X-Api-Key": client.key})
    assert answer.headers["content-type"] == "application/json"
    bare, full = json.loads(answer.content)["items"]
    assert (_wrong(full, 0), _wrong(bare, 1)) == ({}, {})
    assert full.keys() == bare.keys() == _FIELDS.keys(), "assert the new field here too"
    raw = full["rawJson"]
    assert {name: raw[name] for name in _RAW} == {name: _RECORD[name] for name in _RAW}
    assert (raw["CNPJ"], raw["PRICEPROMO"], raw["LABORATORIO"]) == (CNPJ, 9.9, "X")
    assert raw["DATAATUALIZACAOPRODUTO"] == _RECORD["DATAATUALIZACAOPRODUTO"]
    for name in ("updatedAt", "lastSeenAt"):
        age = datetime.fromisoformat(full[name]) - began
        assert timedelta(seconds=-1) < age < timedelta(minutes=5), name


# Query, then the page, the limit and the number of products that answer it, out of 101.
_PAGES = [
    ("", 1, 40, 40),
    ("?page=2", 2, 40, 40),
    ("?page=3&limit=40", 3, 40, 21),
    ("?limit=500", 1, 100, 100),
    ("?page=x&limit=y", 1, 40, 40),
    ("?page=0&limit=-1", 1, 40, 40),
    ("?page=&limit=", 1, 40, 40),
]


async def test_each_field_of_the_pagination_has_its_value_and_type(client: Client) -> None:
    await client.load([{"PRODUCTID": number, "TITLE": "A"} for number in range(1, 102)])
    for query, page, limit, found in _PAGES:
        answer = await client.http.get(f"/v1/products{query}", headers={"Authorization": f"Bearer {client.key}"})
        body = answer.json()
        assert answer.status_code == 200 and body.keys() == {"items", "pagination"}, query
        assert len(body["items"]) == found, query
        pagination = body["pagination"]
        numbers = {"page": page, "limit": limit, "count": 101, "total_pages": -(-101 // limit)}
        assert pagination.keys() == numbers.keys() | {"next_cursor"}
        for name, expected in numbers.items():
            assert _is_int(pagination[name]) and pagination[name] == expected, (query, name)
        has_more = found == limit
        assert _is_text(pagination["next_cursor"]) if has_more else pagination["next_cursor"] is None, query


async def test_only_active_products_come_and_the_newest_change_first(client: Client) -> None:
    await client.load([{"PRODUCTID": number, "TITLE": "A"} for number in range(1, 12)])
    await client.load([{"PRODUCTID": number, "TITLE": "A"} for number in range(1, 11)])
    await client.load([{"PRODUCTID": 4, "PRICE": 2}], "delta")
    items = (await client.get("/v1/products"))["items"]
    assert items[0]["id"] == 4 and {item["id"] for item in items} == set(range(1, 11))
    assert all(item["isActive"] is True for item in items)


async def test_refusals_have_the_words_that_the_consumer_reads(client: Client) -> None:
    without = await client.http.get("/v1/products")
    assert (without.status_code, without.json()["error"]) == (401, "Unauthorized")
    other = await client.http.get("/v1/products?cnpj=12ABC34501DE35", headers={"X-Api-Key": client.key})
    assert (other.status_code, other.json()["error"]) == (403, "Forbidden")
    assert all(_is_text(answer.json()["message"]) and answer.json()["message"] for answer in (without, other))
