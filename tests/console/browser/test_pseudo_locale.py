"""A pseudo-language marks each translated text: no page shows a text of the catalogue without its mark."""

from collections.abc import Iterator
from contextlib import closing
from functools import cache

import pytest
from playwright.sync_api import Browser

from integrahub.console.languages import Languages
from integrahub.console.translations import Catalog, load_catalogs
from tests import messages
from tests.console.browser.visit import Person, Windows
from tests.console.live_hub import LiveHub, in_languages
from tests.console.pages import MatrixPage, list_pages

_OPEN, _CLOSE = "⟦", "⟧"
# The same in both languages.
_SAME = {"API", "CNPJ", "DELTA", "EAN", "FULL", "IntegraHub", "id", "name"}
_TEXTS = """
() => {
  const found = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.closest("code, pre, time, script")) found.push(node.data);
  }
  for (const node of document.querySelectorAll("[aria-label], [placeholder], [title], [alt]"))
    for (const name of ["aria-label", "placeholder", "title", "alt"]) found.push(node.getAttribute(name) ?? "");
  return found;
}
"""


class _Pseudo(Catalog):
    """Marks each text instead of translating it."""

    def gettext(self, text: str) -> str:
        return f"{_OPEN}{text}{_CLOSE}"

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)


@pytest.fixture(scope="module")
def pseudo(filled: LiveHub) -> Iterator[LiveHub]:
    with in_languages(filled, Languages({**load_catalogs(), "en": _Pseudo("en", "en", {})})) as hub:
        yield hub


def _untranslated(texts: list[str]) -> list[str]:
    """Return the texts that stand without marks although the catalogue has them."""
    return [text.strip() for text in texts if text.strip() in _translatable() and text.strip() not in _SAME]


@cache
def _translatable() -> frozenset[str]:
    """Return all texts of the catalogue: to extract them from the templates costs half a second of CPU."""
    return frozenset(form for area in messages.areas().values() for message in area for form in _forms(message.id))


def _forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, (text,) if isinstance(text, str) else text))


@pytest.fixture(scope="module")
def windows(chromium: Browser, pseudo: LiveHub) -> Iterator[Windows]:
    with closing(Windows(chromium, pseudo)) as windows:
        yield windows


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: page.path)
def test_a_page_has_no_text_that_is_not_translated(windows: Windows, page: MatrixPage) -> None:
    with windows.visiting(Person(page.role)) as visitor:
        visitor.open(page.path)
        texts = visitor.page.evaluate(_TEXTS)
    assert len(texts) > 10
    assert _untranslated(texts) == []


def test_the_check_finds_a_text_without_marks() -> None:
    assert _untranslated(["Batches", f"{_OPEN}Batches{_CLOSE}", "Farmácia Sol"]) == ["Batches"]
