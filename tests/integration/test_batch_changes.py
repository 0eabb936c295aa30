"""What a batch changed, and the products that a FULL does not contain."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from math import ceil
from typing import Any

import pytest

from integrahub.db.batches import absent_products
from integrahub.db.changes import batch_changes
from integrahub.domain.steps import STEPS
from integrahub.reports import batch_changes as changes_report
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import _decided, _pass_minutes, catalogue, product
from tests.integration.test_verify import change

DRY = {"X-Inova-Dry-Run": "true"}


async def changes(client: Client, batch: dict[str, Any], **query: Any) -> dict[str, Any]:
    return dict(await client.get(f"/v1/batches/{batch['batch_id']}/changes", **query))


async def absent(client: Client, batch: dict[str, Any], **query: Any) -> dict[str, Any]:
    return dict(await client.get(f"/v1/batches/{batch['batch_id']}/deactivation/products", **query))


async def _refused(client: Client, path: str) -> tuple[int, str]:
    answer = await client.http.get(path, headers={"X-Api-Key": client.key})
    return answer.status_code, answer.json()["code"]


async def test_changes_are_counted_and_listed_with_both_values(client: Client) -> None:
    await client.load([product(n, PRICE=10) for n in range(1, 9)])
    moved = [product(1, PRICE=11), product(2, PRICE=9), product(3, PRICE=0), product(4, PRICE=60), product(5, PRICE=1)]
    batch = await client.load([*moved, product(6, PRICE=10, BRAND="B"), product(7, PRICE=10), product(9)])
    report = await changes(client, batch)
    assert report["summary"] == {
        "kinds": {"inserted": 1, "updated": 6, "reactivated": 0, "deactivated": 1},
        "fields": {"brand": 1, "price": 5},
        "prices": {"up": 2, "down": 3, "to_zero": 1, "over_5_times": 2},
        "reset": False,
        "missing": 0,
    }
    assert (report["dry_run"], report["next_cursor"]) == (False, None)
    shown = {item["product_id"]: (item["kind"], item["fields"]) for item in report["items"]}
    assert shown[1] == ("updated", {"price": [10, 11]}) and shown[6] == ("updated", {"brand": ["", "B"]})
    assert shown[8] == ("deactivated", None) and shown[9][0] == "inserted" and 7 not in shown
    again = await client.load([product(n, PRICE=10) for n in range(1, 9)])
    assert (await changes(client, again))["summary"]["kinds"]["reactivated"] == 1


async def test_changes_are_filtered_and_come_in_pages_in_the_order_of_products(client: Client) -> None:
    await client.load(catalogue(120))
    batch = await client.load([product(n, **{"PRICE": 99} if n % 2 else {"BRAND": "B"}) for n in range(119, 0, -1)])
    first = await changes(client, batch, limit=100)
    second = await changes(client, batch, limit=100, cursor=first["next_cursor"])
    found = [item["product_id"] for item in first["items"] + second["items"]]
    assert found == list(range(1, 121))
    assert second["summary"] is None and second["next_cursor"] is None
    of_price = await changes(client, batch, field="price", limit=1000)
    assert [item["product_id"] for item in of_price["items"]] == list(range(1, 120, 2))
    gone = await changes(client, batch, kind="deactivated")
    assert [item["product_id"] for item in gone["items"]] == [120]
    assert of_price["summary"] == gone["summary"] == first["summary"]
    path = f"/v1/batches/{batch['batch_id']}/changes"
    assert (await _refused(client, f"{path}?field=indice"))[0] == 400
    assert (await _refused(client, f"{path}?kind=reset"))[0] == 400
    assert await _refused(client, f"{path}?cursor=x") == (400, "cursor_invalid")


async def test_a_first_load_has_counts_only(client: Client) -> None:
    dry = await client.load(catalogue(70), **DRY)
    load = await client.load(catalogue(70))
    for batch in (dry, load):
        report = await changes(client, batch)
        assert (report["items"], report["summary"]["reset"]) == ([], True)
        assert report["summary"]["kinds"]["inserted"] == 70


async def test_changes_are_written_as_lines_and_for_spreadsheets(client: Client) -> None:
    await client.load([product(n, PRICE=10) for n in (1, 2)])
    batch = await client.load([product(1, PRICE=12.5, BRAND="=B"), product(2, PRICE=10)], "delta")
    path = f"/v1/batches/{batch['batch_id']}/changes"
    headers = {"X-Api-Key": client.key}
    lines = (await client.http.get(f"{path}?format=ndjson", headers=headers)).text.splitlines()
    fields = {"brand": ["", "=B"], "price": [10, 12.5]}
    assert [json.loads(line) for line in lines] == [{"product_id": 1, "kind": "updated", "fields": fields}]
    text = (await client.http.get(f"{path}?format=csv", headers=headers)).text
    rows = [["1", "updated", "brand", "", "'=B"], ["1", "updated", "price", "10", "12.5"]]
    assert sorted(csv.reader(io.StringIO(text)))[:2] == rows
    text = (await client.http.get(f"{path}?format=csv&locale=pt-BR", headers=headers)).text
    assert text.startswith("\ufeffproduct_id;kind;field;before;after") and "price;10;12,5" in text


async def test_changes_that_are_no_longer_kept_are_said(client: Client) -> None:
    await client.load(catalogue(10))
    batch = await client.load([product(n, PRICE=5) for n in range(1, 11)])
    await change(client, "DELETE FROM product_changes WHERE product_id > 4")
    report = await changes(client, batch)
    assert (len(report["items"]), report["summary"]["missing"]) == (4, 6)
    await change(client, "DELETE FROM product_changes")
    # Before the oldest partition, as if retention had removed the days before it.
    await change(client, "UPDATE batches SET received_at = received_at - interval '2 days'")
    path = f"/v1/batches/{batch['batch_id']}"
    assert await _refused(client, f"{path}/changes") == (410, "changes_expired")
    assert await _refused(client, f"{path}/changes?format=csv") == (410, "changes_expired")
    unchanged = await client.load([product(n, PRICE=5) for n in range(1, 10)] + [product(10, PRICE=5, INDICE=3)])
    assert (await changes(client, unchanged))["items"] == []


async def test_changes_are_counted_in_parts_and_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_changes, "_CHANGES_PER_COUNT", 4)
    await client.load([product(n, PRICE=10) for n in range(1, 12)])
    body = [product(n, PRICE=10 + (n < 6) - (n > 6), QUANTITY=5) for n in range(1, 12)] + [product(12)]
    for headers in (DRY, {}):
        batch = await client.load(body, **headers)
        first = await changes(client, batch)
        assert first["summary"]["kinds"] == {"inserted": 1, "updated": 11, "reactivated": 0, "deactivated": 0}
        assert first["summary"]["fields"] == {"price": 10, "stock": 11}
        assert first["summary"]["prices"] == {"up": 5, "down": 5, "to_zero": 0, "over_5_times": 0}
        await change(client, "DELETE FROM product_changes")
        await change(client, "DELETE FROM dry_run_changes")
        assert await changes(client, batch) == first | {"items": []}  # not counted again
    await change(client, "UPDATE batches SET received_at = received_at - interval '13 hours' WHERE kind = 'dry_run'")
    rows = (await client.get("/v1/batches"))["items"]
    [dry_run] = [row["batch_id"] for row in rows if row["kind"] == "dry_run"]
    assert await _refused(client, f"/v1/batches/{dry_run}/changes") == (410, "changes_expired")


async def test_changes_of_the_stock_alone_expire_before_the_others(client: Client) -> None:
    await client.load(catalogue(4))
    batch = await client.load([product(1, QUANTITY=9), product(2, PRICE=9)], "delta")
    other = await client.load([product(3, PRICE=9)], "delta")
    for each in (batch, other):
        assert (await changes(client, each))["summary"]["missing"] == 0
    bounds = "FOR VALUES FROM ('2000-01-01') TO ('2000-01-02')"
    await change(client, f"CREATE TABLE main_old PARTITION OF product_changes_main {bounds}")
    await change(client, "UPDATE batches SET received_at = received_at - interval '2 days'")
    await change(client, "DELETE FROM product_changes WHERE stock_only OR product_id = 3")
    assert (await changes(client, batch))["summary"]["missing"] == 1
    assert (await changes(client, other))["summary"]["missing"] == 0  # its counts, as they were kept


async def test_a_batch_that_a_clock_step_made_end_before_its_receipt_has_changes(client: Client) -> None:
    await client.load(catalogue(4))
    batch = await client.load([product(1, PRICE=9)], "delta")
    await change(client, "UPDATE product_changes SET at = at - interval '30 days' WHERE seq = 2")
    await change(client, "UPDATE batches SET finished_at = finished_at - interval '30 days' WHERE received_seq = 2")
    assert len((await changes(client, batch))["items"]) == 1


async def test_deactivations_belong_to_the_operation_that_decided_them(client: Client) -> None:
    await client.load(catalogue(100))
    held = await client.load(catalogue(50))
    headers = {"X-Admin-Api-Key": ADMIN}
    path = f"/v1/batches/{held['batch_id']}/deactivation"
    await client.http.post(path, json={"decision": "approve"}, headers=headers)
    await _decided(client, held["batch_id"], "approved")
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    await _pass_minutes(client, 5)
    part = await client.load([product(n, PRICE=2) for n in range(1, 48)])
    await _pass_minutes(client, 5)
    await _decided(client, part["batch_id"], "applied")
    for batch, count, updated in ((held, 50, 0), (part, 3, 47)):
        summary = (await changes(client, batch))["summary"]
        assert (summary["missing"], summary["kinds"]["deactivated"]) == (0, 0)
        assert summary["kinds"]["updated"] == updated
        rows = await client.get("/v1/batches")
        [operation] = [one for one in rows["items"] if one["parent_id"] == batch["batch_id"]]
        assert (await changes(client, operation))["summary"]["kinds"]["deactivated"] == count
        assert len((await absent(client, batch))["items"]) == count


async def test_a_batch_that_is_not_final_or_not_visible_has_no_changes(client: Client) -> None:
    batch = await client.load([product(1)])
    await change(client, "UPDATE batches SET finished_at = NULL, status = 'PROCESSING'")
    path = f"/v1/batches/{batch['batch_id']}"
    assert await _refused(client, f"{path}/changes") == (409, "batch_unfinished")
    assert await _refused(client, f"{path}/deactivation/products") == (409, "batch_unfinished")
    client.key = (await client.admin("POST", "/admin/pharmacies/33000167000101/api-key"))["api_key"]
    assert await _refused(client, f"{path}/changes") == (404, "batch_not_found")
    assert await _refused(client, f"{path}/deactivation/products") == (404, "batch_not_found")


async def test_without_history_loads_have_no_changes_and_dry_runs_have(settings: Settings) -> None:
    settings = settings.model_copy(update={"history": False})
    async with running(settings, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.load(catalogue(10))
        body = [product(1, PRICE=7)]
        dry = await client.load(body, "delta", **DRY)
        assert (await changes(client, dry))["items"] == [
            {"product_id": 1, "kind": "updated", "fields": {"price": [1.5, 7]}}
        ]
        load = await client.load(body, "delta")
        assert await _refused(client, f"/v1/batches/{load['batch_id']}/changes") == (409, "history_off")


async def test_a_held_deactivation_lists_what_its_approval_would_switch_off(client: Client) -> None:
    await client.load([product(n, QUANTITY=n % 2) for n in range(1, 101)])
    held = await client.load([product(n, QUANTITY=n % 2) for n in range(1, 51)])
    await client.load([product(60, PRICE=1)], "delta")
    report = await absent(client, held, limit=1000)
    expected = [n for n in range(51, 101) if n != 60]
    assert (report["state"], [item["product_id"] for item in report["items"]]) == ("held", expected)
    assert report["items"][0] == {"product_id": 51, "title": "P 51", "ean": "", "price": 51.5, "stock": 1.0}
    in_stock = await absent(client, held, in_stock="true", limit=1000)
    assert [item["product_id"] for item in in_stock["items"]] == [n for n in expected if n % 2]
    first = await absent(client, held, limit=20)
    second = await absent(client, held, limit=1000, cursor=first["next_cursor"])
    assert [item["product_id"] for item in first["items"] + second["items"]] == expected
    text = await client.http.get(
        f"/v1/batches/{held['batch_id']}/deactivation/products?format=csv&locale=pt-BR",
        headers={"X-Api-Key": client.key},
    )
    assert text.text.splitlines()[1] == "51;P 51;;51,5;1"
    await client.http.post(
        f"/v1/batches/{held['batch_id']}/deactivation",
        json={"decision": "approve"},
        headers={"X-Admin-Api-Key": ADMIN},
    )
    await _decided(client, held["batch_id"], "approved")
    applied = await absent(client, held, limit=1000)
    assert (applied["state"], [item["product_id"] for item in applied["items"]]) == ("approved", expected)


class _CountedStatements(dict[str, Any]):
    """Statements by name that count how often each is run."""

    def __init__(self, statements: Mapping[str, Any]) -> None:
        super().__init__(statements)
        self.runs: Counter[str] = Counter()

    def __getitem__(self, name: str) -> Any:
        self.runs[name] += 1
        return super().__getitem__(name)


async def test_a_report_of_a_held_deactivation_looks_once_for_what_is_absent(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.load([product(n, QUANTITY=n % 2) for n in range(1, 101)])
    held = await client.load([product(n) for n in range(1, 51)])
    statements = _CountedStatements(absent_products._SQL)
    monkeypatch.setattr(absent_products, "_SQL", statements)
    monkeypatch.setattr(changes_report, "_CHANGES_PER_READ", 10)
    path = f"/v1/batches/{held['batch_id']}/deactivation/products?format=csv"
    for query, expected in (("", range(51, 101)), ("&in_stock=true", range(51, 101, 2))):
        statements.runs.clear()
        lines = (await client.http.get(path + query, headers={"X-Api-Key": client.key})).text.splitlines()
        assert [int(line.partition(",")[0]) for line in lines[1:]] == list(expected)
        assert (statements.runs["held"], statements.runs["by_ids"]) == (1, ceil(len(expected) / 10))


@pytest.mark.parametrize(("headers", "expected"), [({}, [94, 95]), (DRY, [94, 95, 96, 97, 98, 99, 100])])
async def test_an_applied_deactivation_lists_what_it_switched_off(
    client: Client, headers: dict[str, str], expected: list[int]
) -> None:
    await client.load(catalogue(100))
    await client.load([product(101), *catalogue(95)], **headers)
    batch = await client.load(catalogue(93), **headers)
    report = await absent(client, batch)
    listed = [item["product_id"] for item in report["items"] if item["product_id"] <= 100]
    assert (report["state"], listed) == ("applied", expected)
    assert len(report["items"]) == batch["deactivated"]
    await change(client, "DELETE FROM product_changes")
    await change(client, "DELETE FROM dry_run_changes")
    path = f"/v1/batches/{batch['batch_id']}/deactivation/products"
    assert await _refused(client, path) == (410, "changes_expired")


async def test_a_held_dry_run_lists_what_its_approval_would_switch_off(client: Client) -> None:
    await client.load(catalogue(30))
    held = await client.load(catalogue(10), **DRY)
    report = await absent(client, held)
    assert (report["state"], [item["product_id"] for item in report["items"]]) == ("held", list(range(11, 31)))


async def test_a_batch_that_deactivates_nothing_lists_nothing(client: Client) -> None:
    await client.load(catalogue(3))
    delta = await client.load([product(1, PRICE=2)], "delta")
    assert (await absent(client, delta))["items"] == []
