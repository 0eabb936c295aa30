"""Jobs of an operator, counted in clicks from the overview, and by keyboard alone. Job 5 is in test_product_job."""

import re
from collections.abc import Callable

from playwright.sync_api import Browser, Locator, Page, expect

from integrahub.domain.people.roles import Role
from tests.console.browser.visit import tab_to, visiting
from tests.console.live_hub import LiveHub

MAX_CLICKS = 3


class _Clicks:
    """Clicks and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, target: Locator) -> None:
        self.count += 1
        target.click()


def _on_overview(browser: Browser, hub: LiveHub, job: Callable[[Page, _Clicks], None]) -> None:
    with visiting(browser, hub, Role.OPERATOR) as visitor:
        visitor.open("/console")
        clicks = _Clicks()
        job(visitor.page, clicks)
        assert clicks.count <= MAX_CLICKS


def test_whether_all_is_well_is_the_first_line_of_the_overview(chromium: Browser, filled: LiveHub) -> None:
    def job(page: Page, clicks: _Clicks) -> None:
        expect(page.get_by_role("heading", level=1)).to_contain_text("for attention")
        assert clicks.count == 0

    _on_overview(chromium, filled, job)


def test_what_a_held_full_would_deactivate_is_one_click_away_and_the_form_a_second(
    chromium: Browser, filled: LiveHub
) -> None:
    def job(page: Page, click: _Clicks) -> None:
        click(page.get_by_role("link", name="Decide").first)
        expect(page.get_by_role("main")).to_contain_text("This FULL does not have")
        click(page.locator("details.confirm summary", has_text="Deactivate"))
        expect(page.get_by_label("Type", exact=False).first).to_be_visible()

    _on_overview(chromium, filled, job)


def test_why_a_batch_failed_is_two_clicks_away(chromium: Browser, filled: LiveHub) -> None:
    def job(page: Page, click: _Clicks) -> None:
        click(page.locator("#per-hour ~ .figures").get_by_role("link", name="failed"))
        click(page.locator("tbody a[href^='/console/batches/']").first)
        expect(page.get_by_role("main")).to_contain_text("The body ends at byte")

    _on_overview(chromium, filled, job)


def test_a_decision_and_a_failed_batch_are_found_by_keyboard_alone(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled, Role.OPERATOR) as visitor:
        page, press = visitor.page, visitor.page.keyboard.press
        visitor.open("/console")
        for key in ("j", "Enter"):
            press(key)
        page.wait_for_url("**/console/decisions/**")
        tab_to(page, re.compile(r"Deactivate the \d+ products…"))
        press("Enter")
        tab_to(page, re.compile(r"Type \d+ to confirm"))
        press("Escape")
        for key in ("g", "l"):
            press(key)
        page.wait_for_url("**/console/batches")
        press("/")
        page.keyboard.type(filled.names["failed"])
        press("Enter")
        page.wait_for_url(f"**/console/batches/{filled.names['failed']}*")
        tab_to(page, re.compile(r"Replay…"))
        press("Enter")
        page.wait_for_url("**/replay")
        tab_to(page, re.compile(r"Replay the batch"))
