"""Every page in both languages, themes and widths, with and without JavaScript, by every role that may see it."""

import itertools
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest
from playwright.sync_api import Browser

from integrahub.domain.people.roles import Role, Theme
from tests.console.browser.visit import Person, Visitor, Windows
from tests.console.hub import Page
from tests.console.live_hub import LiveHub
from tests.console.pages import MatrixPage, list_pages

PAGES = list_pages()
WIDTHS = (1280, 390)
_ZOOMED_WIDTH = 320  # 1280 pixels at 400 % (WCAG 1.4.10)
# Each page is seen with each value at least once; `make test-long` tries all combinations.
_SHORT = [("en", Theme.LIGHT, 1280, True), ("pt-BR", Theme.DARK, 390, True)]
_FULL = list(itertools.product(("en", "pt-BR"), (Theme.LIGHT, Theme.DARK), WIDTHS, (True, False)))


@pytest.fixture(scope="module")
def windows(chromium: Browser, filled: LiveHub) -> Iterator[Windows]:
    with closing(Windows(chromium, filled)) as windows:
        yield windows


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
        if has_script:
            with visitor.in_width(_ZOOMED_WIDTH):
                assert visitor.overflow <= 0, "the page scrolls sideways at 400 percent"


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_needs_no_script(filled: LiveHub, page: MatrixPage) -> None:
    # Without JavaScript a page is what the hub sends. `make test-long` opens it in a browser.
    answer = httpx2.get(
        filled.url + page.path.format(**filled.names),
        cookies=filled.cookie(page.role, "en", Theme.DARK),
        headers={"Accept-Language": "en"},
        follow_redirects=True,
    )
    assert answer.status_code == page.status and 'data-theme="dark"' in answer.text
    assert page.says in Page(answer).text and "s3cret" not in answer.text


@pytest.mark.long
@pytest.mark.parametrize("variant", _FULL, ids=str)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_is_whole_in_every_combination(
    windows: Windows, page: MatrixPage, variant: tuple[str, Theme, int, bool]
) -> None:
    for role in (role for role in Role if role.includes(page.role)):
        _visit(windows, MatrixPage(page.path, page.says, role, page.dialogs, page.status), variant)
