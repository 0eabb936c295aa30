"""Entries of the runbook about pharmacies and people, followed as written on a hub with its console."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from integrahub.db.console import pharmacies
from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from tests.conftest import Server
from tests.console.hub import ConsoleHub, running_console
from tests.console.people import PASSWORD
from tests.console.test_pharmacies import _fall_silent, _refuse
from tests.console.troubles import add_delivery, add_endpoint
from tests.crash.client import cnpj_of
from tests.integration.command_line import CommandLine
from tests.integration.conftest import ADMIN, SHARED, Client
from tests.integration.operator import Operator, run_psql

pytestmark = SHARED


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ConsoleHub]:
    """Yield one hub for all tests: each has a pharmacy of its own."""
    url, folder = postgres.create_database("followed"), tmp_path_factory.mktemp("followed")
    try:
        settings = Settings(database_url=url, data_dir=folder, admin_api_key=ADMIN, chunk_size=50)
        async with running_console(settings.model_copy(update={"read_rate_limit": "off"})) as running:
            yield running
    finally:
        postgres.drop_database("followed")


async def _add_pharmacy(console: ConsoleHub, number: int) -> tuple[str, Client]:
    cnpj = cnpj_of(number)
    key = (await console.api.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    return cnpj, replace(console.api, key=key)


def _record(number: int, **changes: Any) -> dict[str, Any]:
    return {"PRODUCTID": number, "TITLE": f"P {number}", "PRICE": number} | changes


def _operator(console: ConsoleHub, monkeypatch: pytest.MonkeyPatch, entry: str) -> Operator:
    return Operator(CommandLine(console.api, monkeypatch), entry)


async def test_a_silent_pharmacy_gets_a_new_key_and_posts_again(
    console: ConsoleHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    cnpj, client = await _add_pharmacy(console, 101)
    await _fall_silent(console, cnpj)
    await console.run("UPDATE api_keys SET expires_at = now() - interval '2 days' WHERE cnpjs = ARRAY[%s]", cnpj)
    assert (await client.post([_record(1)], "delta")).status_code == 401
    (key,) = await pharmacies.fetch_keys(console.api.hub.all_tenants, cnpj)
    await _refuse(console, "key_expired", "", key.name)  # a process writes its refusals a minute later
    operator = _operator(console, monkeypatch, "silent")
    assert cnpj in (await operator.run("pharmacy list --silent")).out
    page = await (await console.browser(Role.VIEWER)).get(f"/console/pharmacies/{cnpj}")
    assert "which expired on" in page.text and "Copy message for the pharmacy" in page.text
    operator.expect("the key expired", "access.md#api-keys")
    made = await _operator(console, monkeypatch, "api-keys").run("key create --cnpj CNPJ", CNPJ=cnpj)
    client.key = max(re.findall(r"ihub_live_\S+", made.out), key=len)
    await client.load([_record(1)], "delta")
    assert "COMPLETED" in (await operator.run("batch list --cnpj CNPJ --limit 1", CNPJ=cnpj)).out


async def test_rejected_records_are_reported_corrected_and_posted_again(
    console: ConsoleHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = await _add_pharmacy(console, 102)
    operator = _operator(console, monkeypatch, "rejected-records")
    batch = await client.load([_record(1), _record(2, PRICE="x")])
    assert batch["status"] == "PARTIAL_FAIL"
    assert "price_invalid" in (await operator.run("batch errors ID", ID=batch["batch_id"])).out
    operator.expect("`GET /v1/batches/ID/errors?format=csv`", "`GET /v1/batches/ID/rejected`")
    path, headers = f"/v1/batches/{batch['batch_id']}", {"X-Api-Key": client.key}
    report = await client.http.get(f"{path}/errors?format=csv", headers=headers)
    assert "price_invalid" in report.text and report.headers["content-type"].startswith("text/csv")
    rejected = (await client.http.get(f"{path}/rejected", headers=headers)).text
    (record,) = json.loads(rejected) if rejected.startswith("[") else map(json.loads, rejected.splitlines())
    assert (await client.load([record | {"PRICE": 2}], "delta"))["inserted"] == 1
    full = await client.load([_record(1), _record(2)])
    assert full["status"] == "COMPLETED"
    assert "price_invalid" not in (await operator.run("batch errors ID", ID=full["batch_id"])).out


async def test_an_unknown_field_is_shown_until_the_erp_no_longer_sends_it(
    console: ConsoleHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    cnpj, client = await _add_pharmacy(console, 103)
    operator, browser = _operator(console, monkeypatch, "unknown-fields"), await console.browser(Role.VIEWER)
    operator.expect("`/console/pharmacies/CNPJ?tab=fields`")
    path = f"/console/pharmacies/{cnpj}?tab=fields"
    await client.load([_record(1, PRICEE=3)], "delta")
    counted = (await browser.get(path)).text
    assert "PRICEE" in counted
    await client.load([_record(1, PRICE=3)], "delta")
    assert re.findall(r"PRICEE.*", (await browser.get(path)).text) == re.findall(r"PRICEE.*", counted)


async def test_a_missing_product_says_what_came_of_it(console: ConsoleHub, monkeypatch: pytest.MonkeyPatch) -> None:
    cnpj, client = await _add_pharmacy(console, 104)
    operator, browser = _operator(console, monkeypatch, "product-missing"), await console.browser(Role.VIEWER)
    operator.expect("`/console/search`", "never received", "came and was rejected", "a FULL did not have it")
    await client.load([_record(number) for number in range(90_001, 90_021)])
    await client.load([_record(90_030, PRICE="x")], "delta")
    await client.load([_record(number) for number in range(90_001, 90_020)])  # without 90020
    pages = f"/console/pharmacies/{cnpj}/products"
    assert "never received" in (await browser.get(f"{pages}/90031")).text.lower()
    assert "rejected" in (await browser.get(f"{pages}/90030")).text
    inactive = await browser.get("/console/search", q="90020")
    assert inactive.answer.url.path == f"{pages}/90020" and "inactive" in inactive.text.lower()
    await client.load([_record(90_030, PRICE=7), _record(90_020)], "delta")
    corrected = await browser.get("/console/search", q="90030")
    assert corrected.answer.url.path == f"{pages}/90030" and "7.00" in corrected.text
    assert "inactive" not in (await browser.get(f"{pages}/90020")).text.lower()


async def test_a_suspended_webhook_is_found_and_enabled(console: ConsoleHub, monkeypatch: pytest.MonkeyPatch) -> None:
    cnpj, _ = await _add_pharmacy(console, 105)
    endpoint = await add_endpoint(console, cnpj, state="disabled")
    await add_delivery(console, endpoint, "held")
    url = str(console.api.hub.settings.database_url)
    check = "psql -c \"SELECT url, disabled_reason FROM webhook_endpoints WHERE state = 'disabled'\""
    assert "failing" in await run_psql("webhook-suspended", check, url)
    browser = await console.browser(Role.OPERATOR)
    page = await browser.get(f"/console/webhooks/{endpoint}")
    assert "Enable, and send 1 held" in page.text
    _operator(console, monkeypatch, "webhook-suspended").expect(
        '"Enable, and send"', '"receiving"', "held deliveries fall to 0"
    )
    page = await browser.post(f"/console/webhooks/{endpoint}/enable")
    assert "receiving" in page.text
    assert await console.run("SELECT id FROM webhook_deliveries WHERE state = 'held'") == []
    assert "0 rows" in await run_psql("webhook-suspended", check, url)


async def test_a_person_who_is_locked_out_signs_in_by_a_link(
    console: ConsoleHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_as(str(console.api.hub.settings.database_url), DatabaseRole.CONSOLE)
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", url)
    operator = _operator(console, monkeypatch, "console-locked")
    await operator.run("user add NAME --role admin", NAME="Bia Lima")
    shown = await operator.run("user reset NAME", NAME="Bia Lima")
    browser, token = await console.browser(), re.findall(r"/console/welcome\?token=(\S+)", shown.out)[0]
    assert (await browser.get(f"/console/welcome?token={token}")).status == 200
    await browser.post("/console/welcome", password=PASSWORD)
    await operator.run("user add NAME --role admin", NAME="Ana Souza")
    await operator.run("user set NAME --role operator", NAME="Ana Souza")
    assert "Ana Souza" in (await operator.run("user list")).out
    signed_in = await browser.post("/console/login", name="Bia Lima", password=PASSWORD)
    assert signed_in.status == 200 and "Bia Lima" in signed_in.html
    monkeypatch.delenv("INTEGRAHUB_DATABASE_URL")
    assert "command line" in (await operator.run("audit --action user.reset")).out
