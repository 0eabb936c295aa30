"""Live updates: nothing moves under the pointer, and what nobody looks at does not ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx2
import pytest
from playwright.sync_api import Browser, Page

from integrahub.console.assets import has_htmx
from integrahub.domain.people.roles import Role
from tests.console.browser.visit import Visitor, visiting
from tests.console.live_hub import LiveHub

pytestmark = pytest.mark.skipif(not has_htmx(), reason="htmx is not in the package: `make assets`")
_POLL_NOW = "document.body.dispatchEvent(new CustomEvent('live'))"
_OTHER = '<div id="live-now" class="live">Other</div>'
_ASK_MS = 200
_POLL_MS = 6000  # an update comes every 5 seconds where nothing runs


def _count_polls(visitor: Visitor) -> list[str]:
    polls: list[str] = []
    visitor.page.on("request", lambda request: polls.append(request.url) if "live-block" in request.headers else None)
    return polls


def _let_pass(visitor: Visitor) -> None:
    """Let the page's clock run until an update would have come; the page asks at once, in real time."""
    visitor.page.clock.run_for(_POLL_MS)
    visitor.page.wait_for_timeout(_ASK_MS)


@contextmanager
def _renamed(hub: LiveHub, name: str) -> Iterator[None]:
    """Change the overview while the block runs: the pharmacy of the held FULL has another name."""
    assert hub.console is not None
    run, cnpj = hub.console.run, hub.names["cnpj"]
    (pharmacy,) = hub.run(run("SELECT name FROM pharmacies WHERE cnpj = %s", cnpj))
    rename = "UPDATE pharmacies SET name = %s WHERE cnpj = %s"
    hub.run(run(rename, name, cnpj))
    try:
        yield
    finally:
        hub.run(run(rename, pharmacy["name"], cnpj))


def test_an_update_keeps_focus_typed_text_open_rows_and_scroll(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled, Role.OPERATOR, width=390) as visitor:
        visitor.open("/console")
        page: Page = visitor.page
        page.locator("details summary").first.click()
        page.fill("#search", "dipirona")
        page.evaluate("document.querySelector('.attention a').focus({preventScroll: true})")
        page.evaluate("window.scrollTo(0, 120)")
        before = page.evaluate("[scrollY, document.activeElement.getAttribute('href')]")
        with _renamed(filled, "Sol Nova"):
            page.wait_for_selector(".attention li:has-text('Sol Nova')", timeout=20_000)
        assert page.evaluate("[scrollY, document.activeElement.getAttribute('href')]") == before
        assert page.input_value("#search") == "dipirona"
        assert page.locator("details[open]").count() == 1


def test_a_selection_stays_until_it_ends(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.page.clock.install()
        visitor.open("/console")
        polls = _count_polls(visitor)
        visitor.page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
        selected = visitor.page.evaluate("getSelection().toString()")
        _let_pass(visitor)
        assert (polls, visitor.page.evaluate("getSelection().toString()")) == ([], selected)
        visitor.page.evaluate("getSelection().removeAllRanges()")
        with visitor.page.expect_request(lambda request: "live-block" in request.headers):
            _let_pass(visitor)


def test_a_paused_page_and_one_with_an_open_dialog_ask_nothing(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.page.clock.install()
        visitor.open("/console")
        polls = _count_polls(visitor)
        visitor.page.keyboard.press("p")
        assert visitor.page.locator("[data-pause]").get_attribute("aria-pressed") == "true"
        _let_pass(visitor)
        assert polls == []
        visitor.page.keyboard.press("p")
        visitor.page.keyboard.press("?")
        _let_pass(visitor)
        assert polls == []


def test_a_page_that_gets_no_answer_stays_says_so_and_goes_on(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page, said = visitor.page, visitor.page.locator(".when-stale")
        heading = page.inner_text("h1")
        is_poll = "**/console"
        page.route(is_poll, lambda route: route.fulfill(status=503, content_type="text/html", body="<h1>Away</h1>"))
        page.evaluate(_POLL_NOW)
        said.wait_for(state="visible")
        assert page.inner_text("h1") == heading
        page.unroute(is_poll)
        page.evaluate(_POLL_NOW)
        said.wait_for(state="hidden")


def test_an_answer_that_comes_after_a_pause_changes_nothing(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page = visitor.page
        before = page.inner_text("#live-now")
        page.route("**/console", lambda route: route.fulfill(content_type="text/html", body=_OTHER))
        with page.expect_event("requestfinished"):
            page.evaluate(f"{_POLL_NOW}; document.querySelector('[data-pause]').click()")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.inner_text("#live-now").replace("resume", "pause") == before
        page.evaluate("document.querySelector('[data-pause]').click()")
        page.evaluate(_POLL_NOW)
        page.locator("#live-now", has_text="Other").wait_for()


def test_a_copied_text_is_said_and_the_button_keeps_its_shape(chromium: Browser, filled: LiveHub) -> None:
    for prepare in ("", "Object.defineProperty(navigator, 'clipboard', {value: undefined})"):  # as without TLS
        with visiting(chromium, filled, language="pt-BR") as visitor:
            visitor.page.add_init_script(prepare)
            visitor.open("/console/batches/{batch}")
            button = visitor.page.locator("button.copy").first
            button.click()
            visitor.page.locator("#said", has_text="copiado").wait_for(state="attached")
            button.locator("svg").wait_for()


def _hold_a_full(hub: LiveHub) -> str:
    """Let a pharmacy that no page of the matrix names send half a catalogue; return the held FULL."""
    assert hub.console is not None
    console = hub.console
    (row,) = hub.run(console.run("SELECT cnpj FROM pharmacies WHERE cnpj <> %s LIMIT 1", hub.names["cnpj"]))
    made = hub.run(console.api.admin("POST", f"/admin/pharmacies/{row['cnpj']}/api-key"))
    half = [{"PRODUCTID": number, "TITLE": f"Product {number}"} for number in range(1, 5)]
    return str(hub.run(replace(console.api, key=made["api_key"]).load(half))["batch_id"])


def test_the_products_of_a_decision_go_when_another_person_decides(chromium: Browser, filled: LiveHub) -> None:
    path = f"/console/decisions/{_hold_a_full(filled)}"
    with visiting(chromium, filled, Role.OPERATOR) as visitor:
        visitor.open(path)
        products = visitor.page.locator("#live-products table")
        products.wait_for()
        own = {"Sec-Fetch-Site": "same-origin"}
        other = filled.cookie(Role.ADMIN, "en")
        assert httpx2.post(f"{filled.url}{path}/keep", cookies=other, headers=own).status_code == 303
        visitor.page.evaluate(_POLL_NOW)
        visitor.page.locator("#live-state", has_text="Decided by Ana admin").wait_for()
        products.wait_for(state="detached")


def test_a_hidden_tab_asks_nothing(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.page.clock.install()
        visitor.page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => true})")
        visitor.open("/console")
        polls = _count_polls(visitor)
        _let_pass(visitor)
        assert polls == []


def test_ten_tabs_at_once_all_load(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        tabs = [visitor.page, *(visitor.page.context.new_page() for _ in range(9))]
        for tab in tabs:
            tab.goto(f"{filled.url}/console", wait_until="commit")
        for tab in tabs:
            tab.wait_for_selector("h1", timeout=20_000)
