"""Job 5, "why is this price here": from the overview to the record in three clicks, and by keyboard alone."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.console.browser.visit import tab_to, visiting
from tests.console.live_hub import LiveHub


def _expect_origin(page: Page) -> None:
    expect(page.locator("p.lead")).to_contain_text(
        re.compile(r"Price .* since .*: it came in (FULL|DELTA).*, record \d")
    )


def test_the_origin_of_a_price_is_three_clicks_away(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page = visitor.page
        page.get_by_role("link", name="Products", exact=True).click()
        page.get_by_label("Pharmacy: name or CNPJ").fill(filled.names["cnpj"])
        page.get_by_label("Product: id, EAN or title").fill(filled.names["product"])
        page.get_by_role("main").get_by_role("button", name="Search").click()
        page.get_by_role("main").get_by_role("link", name=filled.names["product"], exact=True).click()
        _expect_origin(page)


def test_the_origin_of_a_price_is_found_by_keyboard_alone(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console/products")
        tab_to(visitor.page, re.compile("Pharmacy: name or CNPJ"))
        visitor.page.keyboard.type(filled.names["cnpj"])
        tab_to(visitor.page, re.compile("Product: id, EAN or title"))
        visitor.page.keyboard.type(filled.names["product"])
        with visitor.page.expect_navigation():
            visitor.page.keyboard.press("Enter")
        tab_to(visitor.page, re.compile(filled.names["product"]))
        with visitor.page.expect_navigation():
            visitor.page.keyboard.press("Enter")
        _expect_origin(visitor.page)
        tab_to(visitor.page, re.compile("History"))
        with visitor.page.expect_navigation():
            visitor.page.keyboard.press("Enter")
        expect(visitor.page.locator("main")).to_contain_text("first load")


def test_the_key_of_the_search_leads_to_the_product(chromium: Browser, filled: LiveHub) -> None:
    with visiting(chromium, filled) as visitor:
        visitor.open("/console")
        page, address = visitor.page, f"/console/pharmacies/{filled.names['cnpj']}/products/{filled.names['product']}"
        page.keyboard.press("/")
        page.keyboard.type(filled.names["product"])
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.locator(f'main a[href="{address}"]').first.click()
        _expect_origin(page)
