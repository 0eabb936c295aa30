"""Job 2, "which pharmacy is silent or failing, and why": two clicks from the overview, and by keyboard alone."""

from playwright.sync_api import Browser, expect

from tests.console.browser.visit import visiting
from tests.console.live_hub import LiveHub

_MAX_PRESSES = 60  # of Tab to any link of a page


def test_the_state_of_a_pharmacy_is_two_clicks_away(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page = visitor.page
        page.get_by_role("link", name="Pharmacies", exact=True).click()
        page.locator(f'main a[href$="/{filled.names["cnpj"]}"]').click()
        expect(page.locator(".verdict")).to_contain_text("awaits a decision")
        expect(page.locator("main")).to_contain_text("would deactivate")


def test_the_state_of_a_pharmacy_is_found_by_keyboard_alone(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page = visitor.page
        page.keyboard.press("g")
        with page.expect_navigation():
            page.keyboard.press("p")
        for _ in range(_MAX_PRESSES):
            page.keyboard.press("j")
            if filled.names["cnpj"] in (page.evaluate("document.activeElement.href ?? ''") or ""):
                break
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.locator(".verdict")).to_contain_text("awaits a decision")
