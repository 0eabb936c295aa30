"""A pseudo-language marks each translated text: no page shows a text of the catalogue without its mark."""

import csv
import html
import io
import re
from collections.abc import Iterator
from contextlib import closing
from functools import cache

import httpx2
import pytest
from playwright.sync_api import Browser

from integrahub.console.languages import Languages
from integrahub.console.translations import Catalog, load_catalogs
from integrahub.domain.people.roles import Role
from tests import messages
from tests.console.browser.visit import Person, Windows
from tests.console.live_hub import LiveHub, in_languages
from tests.console.pages import MatrixPage, list_pages

_OPEN, _CLOSE = "⟦", "⟧"
# The same in both languages.
_SAME = {"API", "CNPJ", "DELTA", "EAN", "FULL", "IntegraHub", "id", "name"}
# Raw names and values that are also words of the catalogue.
_DECISION = """INSERT INTO audit_log (actor, action, subject, before, after, outcome) VALUES
  ('Ana', 'deactivation.reject', 'a', '{"done": "held"}', '{"done": "rejected", "deactivated": "held"}', 'done')"""
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
    assert filled.console is not None
    filled.run(filled.console.run(_DECISION))
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


def _open(pseudo: LiveHub, method: str, path: str, role: Role | None, **form: str) -> httpx2.Response:
    return httpx2.request(
        method,
        pseudo.url + path.format(**pseudo.names),
        cookies=pseudo.cookie(role, "en") if role else None,
        headers={"Accept-Language": "en", "Sec-Fetch-Site": "same-origin"},
        data=form or None,
    )


@pytest.mark.parametrize(
    ("method", "path", "role", "status"),
    [
        ("GET", "/console/login", None, 200),
        ("POST", "/console/login", None, 403),
        ("GET", "/console/welcome", None, 403),
        ("GET", "/console", None, 403),
        ("GET", "/console/users", Role.VIEWER, 403),
        ("GET", "/console/failures/replay", Role.OPERATOR, 400),
        ("GET", "/console/batches/00000000-0000-7000-8000-000000000000", Role.VIEWER, 404),
        ("POST", "/console/batches/{failed}/cancel", Role.OPERATOR, 303),
        ("PUT", "/console/batches", Role.VIEWER, 405),
    ],
)
def test_a_form_before_the_sign_in_and_an_error_have_no_text_that_is_not_translated(
    pseudo: LiveHub, method: str, path: str, role: Role | None, status: int
) -> None:
    answer = _open(pseudo, method, path, role)
    assert answer.status_code == status
    texts = [html.unescape(text) for text in re.split(r"<[^>]*>", answer.text)]
    assert _untranslated(texts) == [] and (status == 303 or any(_OPEN in text for text in texts))


@pytest.mark.parametrize(
    "path",
    [
        "/console/batches/{partial}/issues.csv",
        "/console/batches/{batch}/changes.csv",
        "/console/decisions/{held}/products.csv",
    ],
)
def test_a_csv_file_has_no_heading_that_is_not_translated(pseudo: LiveHub, path: str) -> None:
    answer = _open(pseudo, "GET", path, Role.VIEWER)
    headings, *rows = csv.reader(io.StringIO(answer.text))
    assert answer.status_code == 200 and rows and {len(row) for row in rows} == {len(headings)}
    assert [heading for heading in headings if _OPEN not in heading and heading not in _SAME] == []


def test_the_check_finds_a_text_without_marks() -> None:
    assert _untranslated(["Batches", f"{_OPEN}Batches{_CLOSE}", "Farmácia Sol"]) == ["Batches"]
