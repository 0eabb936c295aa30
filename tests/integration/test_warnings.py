"""Warnings on applied records: in the report and in the batch's counters."""

import json
from typing import Any

import pytest

from integrahub.db.products import merge as merging
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product


async def _told(client: Client, batch: dict[str, Any]) -> list[tuple[Any, ...]]:
    faults = (await client.get(f"/v1/batches/{batch['batch_id']}/errors", limit=1000))["items"]
    return [(fault["severity"], fault["product_id"], fault["field"], fault["code"], fault["value"]) for fault in faults]


@pytest.mark.parametrize("load_type", ["full", "delta"])
async def test_an_empty_price_that_shows_as_zero_is_warned_of(client: Client, load_type: str) -> None:
    wire = [product(n) for n in range(1, 30)]
    wire[4]["PRICE"], wire[5]["PRICE"], wire[6]["PRICE"] = " ", None, 0
    del wire[7]["PRICE"]
    wire += [product(40, PRICE=""), product(40, PRICE=3)] if load_type == "delta" else []
    batch = await client.load(wire, load_type)
    assert (batch["status"], batch["warnings"]) == ("COMPLETED", 1)
    assert await _told(client, batch) == [("warning", "5", "PRICE", "price_zero", "")]
    assert {n for n, item in (await client.products()).items() if not item["price"]} == {5, 6, 7, 8}
    # A known product keeps its price, so there is nothing to be warned of.
    again = await client.load([{"PRODUCTID": 1, "PRICE": "", "QUANTITY": 7}], "delta")
    assert (again["updated"], again["warnings"], (await client.products())[1]["price"]) == (1, 0, 1.5)


async def test_a_price_that_may_mean_a_thousand_times_as_much_is_warned_of(client: Client) -> None:
    prices = {1: "1.000", 2: " 12.500 ", 3: "0.500", 4: "1.234.567", 5: "1,000", 6: "1000.000", 7: "12,50", 8: 1.125}
    wire = [product(n, PRICE=price) for n, price in prices.items()]
    batch = await client.load([*wire, product(9, PRICEPROMO="2.000"), product(10, WHOLESALEPRICE="3.000")])
    assert batch["warnings"] == 4
    assert [told[1:] for told in await _told(client, batch)] == [
        ("1", "PRICE", "price_ambiguous", "1.000"),
        ("2", "PRICE", "price_ambiguous", " 12.500 "),
        ("9", "PRICEPROMO", "price_ambiguous", "2.000"),
        ("10", "WHOLESALEPRICE", "price_ambiguous", "3.000"),
    ]
    found = await client.products()
    assert [found[n]["price"] for n in prices] == [1, 12.5, 0.5, 1234567, 1, 1000, 12.5, 1.125]


async def test_a_batch_all_of_whose_dates_are_unreadable_says_so(client: Client) -> None:
    wire = [record | {"DATACADASTROPRODUTO": "27/11/2026 10:00:00"} for record in catalogue(130)]
    batch = await client.load(wire)
    assert (batch["status"], batch["chunks_total"], batch["warnings"]) == ("COMPLETED", 3, 130)
    # The same again: looked at and counted again, not added.
    assert (await client.load(json.dumps(wire).encode() + b" "))["warnings"] == 130
    assert (await client.get("/v1/batches"))["items"][0]["warnings"] == 130


async def test_warnings_of_chunks_that_are_tried_again_count_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge, tries = merging.merge_chunks, 0

    async def fails_once(*asked: Any) -> Any:
        nonlocal tries
        tries += 1
        done = await merge(*asked)
        if tries < 3:
            raise ZeroDivisionError
        return done

    monkeypatch.setattr("integrahub.db.chunks.apply.merge_chunks", fails_once)
    batch = await client.load([product(n, QUANTITY="?") for n in range(1, 121)])
    assert (batch["status"], batch["warnings"], tries >= 4) == ("COMPLETED", 120, True)
