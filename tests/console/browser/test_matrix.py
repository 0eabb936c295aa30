"""Every page in both languages, themes and widths, with and without JavaScript, by every role that may see it."""

import itertools

import pytest
from playwright.sync_api import Browser

from integrahub.domain.people.roles import Role, Theme
from tests.console.browser.visit import Person, Visitor, Windows
from tests.console.live_hub import LiveHub
from tests.console.pages import MatrixPage, list_pages

PAGES = list_pages()
WIDTHS = (1280, 390)
# Each page is seen with each value at least once; `make test-long` tries all combinations.
_SHORT = [("en", Theme.LIGHT, 1280, True), ("pt-BR", Theme.DARK, 390, True), ("en", Theme.DARK, 390, False)]
_FULL = list(itertools.product(("en", "pt-BR"), (Theme.LIGHT, Theme.DARK), WIDTHS, (True, False)))


@pytest.fixture(scope="module")
def windows(chromium: Browser, filled: LiveHub) -> Windows:
    return Windows(chromium, filled)


def _visit(windows: Windows, page: MatrixPage, variant: tuple[str, Theme, int, bool]) -> None:
    language, theme, width, has_script = variant
    with windows.visiting(Person(page.role, language, theme), width, has_script=has_script) as visitor:
        visitor.open(page.path)
        html = visitor.page.content()
        assert f'lang="{language}"' in html and f'data-theme="{theme}"' in html
        assert "s3cret" not in html  # of a webhook's URL
        assert language != "en" or page.says in visitor.page.inner_text("main")
        if has_script:
            _check(visitor, page)


def _check(visitor: Visitor, page: MatrixPage) -> None:
    assert visitor.overflow <= 0, "the page scrolls sideways"
    assert visitor.check_accessibility() == []
    for dialog in page.dialogs:
        visitor.page.evaluate("id => document.getElementById(id).showModal()", dialog)
        assert visitor.check_accessibility() == []
        visitor.page.keyboard.press("Escape")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_is_whole(windows: Windows, page: MatrixPage) -> None:
    for variant in _SHORT:
        _visit(windows, page, variant)


@pytest.mark.long
@pytest.mark.parametrize("variant", _FULL, ids=str)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_is_whole_in_every_combination(
    windows: Windows, page: MatrixPage, variant: tuple[str, Theme, int, bool]
) -> None:
    for role in (role for role in Role if role.includes(page.role)):
        _visit(windows, MatrixPage(page.path, page.says, role, page.dialogs, page.status), variant)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_at_400_percent_loses_nothing(windows: Windows, page: MatrixPage) -> None:
    # 1280 pixels at 400 % are 320 (WCAG 1.4.10).
    with windows.visiting(Person(page.role), 320) as visitor:
        visitor.open(page.path)
        assert visitor.overflow <= 0
