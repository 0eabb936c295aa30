"""Jobs 3 and 4: what a held FULL would switch off, and why a batch failed, in three clicks and by keyboard alone."""

import re

from playwright.sync_api import Browser, Page, expect

from integrahub.domain.people.roles import Role
from tests.console.browser.visit import visiting
from tests.console.live_hub import LiveHub

_MAX_ROWS = 30  # presses of `j` to any row of a list


def test_a_held_full_is_two_clicks_away_and_its_decision_three(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled, Role.OPERATOR) as visitor:
        visitor.open("/console")
        page = visitor.page
        page.get_by_label("Areas").get_by_role("link", name="Decisions").click()
        page.locator(f'main a[href="/console/decisions/{filled.names["held"]}"]').first.click()
        expect(page.locator("main")).to_contain_text(re.compile(r"does not have \d+ of the \d+ active products"))
        page.get_by_text(re.compile(r"^Deactivate the \d+ products…$")).click()
        expect(page.get_by_label(re.compile(r"^Type \d+ to confirm$"))).to_be_visible()


def test_why_a_batch_failed_is_two_clicks_away_and_its_replay_three(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled, Role.OPERATOR) as visitor:
        visitor.open("/console")
        page = visitor.page
        page.get_by_label("Areas").get_by_role("link", name="Batches", exact=True).click()
        page.locator(f'main a[href="/console/batches/{filled.names["failed"]}"]').first.click()
        expect(page.locator("main")).to_contain_text("The body ends at byte")
        expect(page.locator("main")).to_contain_text("← the file ends here")
        page.get_by_role("link", name="Replay…").click()
        expect(page.get_by_role("button", name="Replay the batch")).to_be_visible()


def test_why_a_batch_failed_is_found_by_keyboard_alone(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page = visitor.page
        page.keyboard.press("g")
        with page.expect_navigation():
            page.keyboard.press("l")
        _move_to(page, f"/console/batches/{filled.names['failed']}")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.locator("main")).to_contain_text("The body ends at byte")


def _move_to(page: Page, address: str) -> None:
    for _ in range(_MAX_ROWS):
        page.keyboard.press("j")
        if page.evaluate("document.activeElement.getAttribute('href')") == address:
            return
    raise AssertionError(f"no row leads to {address}")
