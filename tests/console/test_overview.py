"""The overview: the verdict first, then what asks for an act, each with its link."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2

from integrahub.console.app import build_console
from integrahub.console.context import ConsoleContext
from integrahub.domain.people.roles import Role
from tests.console.hub import OWN_SITE, ConsoleHub, Page
from tests.console.troubles import CAUSE, add_endpoint, add_messages
from tests.integration.conftest import CNPJ
from tests.integration.test_flow import catalogue

RIGHT_TO_LEFT = "\u202e"


async def test_a_new_hub_says_how_to_begin(console: ConsoleHub) -> None:
    page = await (await console.browser(Role.VIEWER)).get("/console")
    assert page.text.startswith("This hub has received nothing yet")
    assert "integrahub key create --cnpj" in page.text


async def test_a_held_full_leads_to_its_decision(console: ConsoleHub) -> None:
    await console.api.load(catalogue(100))
    assert (await (await console.browser(Role.VIEWER)).get("/console")).text.startswith("All is well")
    held = await console.api.load(catalogue(50))
    page = await _fresh(console, "1 thing asks for attention")
    assert "would deactivate 50 of 100 products (50 %; limit 15 %)" in page.text
    assert f"/console/decisions/{held['batch_id']}" in page.links
    assert "/console/help/pharmacies.html#emptied-catalogue" in page.html  # what to do


async def test_a_load_that_failed_leads_to_its_batch(console: ConsoleHub) -> None:
    failed = await console.api.load(b'[{"PRODUCTID": 1, "TITLE": "A"}, {"PRODUCTID"')
    page = await _fresh(console, "1 thing asks for attention")
    assert "failed as a whole; the catalogue stands as it was" in page.text
    assert f"/console/batches/{failed['batch_id']}" in page.links
    await console.api.load(catalogue(3))
    page = await _fresh(console, "All is well")
    assert "Last problem:" in page.text and "resolved in" in page.text
    assert f"/console/batches/{failed['batch_id']}" in page.links


async def _fresh(console: ConsoleHub, verdict: str) -> Page:
    """Return the page once its snapshot, which is kept for a second, has the verdict."""
    browser = await console.browser(Role.VIEWER)
    async with asyncio.timeout(20):
        while not (page := await browser.get("/console")).text.startswith(verdict):
            await asyncio.sleep(0.2)
    return page


async def test_an_act_shows_at_once_in_every_process(console: ConsoleHub) -> None:
    await console.api.load(catalogue(100))
    held = await console.api.load(catalogue(50))
    browser = await console.browser(Role.OPERATOR)
    other = httpx2.ASGITransport(build_console(ConsoleContext(console.context.hub, console.context.renderer)))
    async with httpx2.AsyncClient(transport=other, base_url="http://console", headers=OWN_SITE) as second:
        second.cookies = browser.http.cookies
        for http in (browser.http, second):
            assert "1 thing asks for attention" in (await http.get("/console")).text
        await browser.post(f"/console/decisions/{held['batch_id']}/keep")
        for http in (browser.http, second):
            http.cookies = browser.http.cookies
            assert "All is well" in (await http.get("/console")).text


async def test_acts_that_lead_to_another_page_or_show_a_secret_show_at_once_too(console: ConsoleHub) -> None:
    await add_messages(console, 1)
    endpoint = await add_endpoint(console, CNPJ)
    for path, fields in (
        ("/console/failures/replay", {"error": CAUSE.fingerprint}),
        (f"/console/webhooks/{endpoint}/test", {}),
        (f"/console/pharmacies/{CNPJ}/keys", {}),
    ):
        browser = await console.browser(Role.ADMIN)
        page = await browser.post(path, **fields)
        assert page.status == 200 and "integrahub_acted" in browser.http.cookies, path


async def test_a_snapshot_that_is_older_than_usual_says_of_when_it_is(console: ConsoleHub) -> None:
    browser = await console.browser(Role.VIEWER)
    assert "As of" not in (await browser.get("/console")).text
    late = replace(console.context, clock=lambda: datetime.now(UTC) + timedelta(seconds=3))
    console.app = build_console(late)
    page = await (await console.browser(Role.VIEWER)).get("/console")
    assert re.search(r"As of [\d:]+ : the hub is read more slowly than usual", page.text)


async def test_direction_marks_of_a_name_are_shown_not_obeyed(console: ConsoleHub) -> None:
    await console.api.load(catalogue(100))
    await console.run("UPDATE pharmacies SET name = %s", f"Sol{RIGHT_TO_LEFT}<b>")
    await console.api.load(catalogue(50))
    page = await _fresh(console, "1 thing asks for attention")
    assert RIGHT_TO_LEFT not in page.html and "Sol\\u202e<b>:" in page.text


async def test_a_poll_that_finds_nothing_new_is_204_and_another_block_is_not_sent(console: ConsoleHub) -> None:
    browser = await console.browser(Role.VIEWER)
    first = await browser.poll("/console", "now")
    assert first.status == 200 and first.html.lstrip().startswith('<div id="live-now"')
    async with asyncio.timeout(30):  # the hub has just started, and its figures change
        page = first
        while (page := await browser.poll("/console", "now", _version(page))).status != 204:
            await asyncio.sleep(0.2)
    assert "<main" in (await browser.poll("/console", "no-such-block")).html


async def test_a_shared_link_ends_the_charts_at_its_time(console: ConsoleHub) -> None:
    browser = await console.browser(Role.VIEWER)
    page = await browser.get("/console", range="24h", until="2026-01-02T12:00:00+00:00")
    assert "1 Jan" in page.text and "2 Jan" in page.text
    assert (await browser.get("/console", range="nothing", until="soon")).status == 200


def _version(page: Page) -> str:
    return page.html.partition("Live-Version&quot;: &quot;")[2].partition("&quot;")[0]
