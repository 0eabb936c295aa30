"""Pages link to what exists, and both languages of a page have the same parts."""

import os
import re
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest
from website.pages import Page, Pages

from website import markdown

ROOT = Path(__file__).parents[3]
PAGES = Pages(ROOT)
_PAIRS = PAGES.pairs()
_OUTSIDE = re.compile(r"^[a-z]+:")


@cache
def _read(page: Page) -> str:
    return PAGES.read(page)


def _find(page: Page, link: str) -> tuple[PurePosixPath, str]:
    path, _, fragment = link.partition("#")
    return PurePosixPath(os.path.normpath(page.path.parent / path)) if path else page.path, fragment


def test_every_link_leads_to_a_file_and_to_an_anchor_of_it() -> None:
    assert len(PAGES.by_path) > 90
    links = [(page, link) for page in PAGES.by_path.values() for link in markdown.list_links(_read(page))]
    assert len(links) > 200
    assert [f"{page.path}: {link}" for page, link in links if not _OUTSIDE.match(link) and _is_broken(page, link)] == []


def _is_broken(page: Page, link: str) -> bool:
    path, fragment = _find(page, link)
    if not (ROOT / path).exists():
        return True
    target = PAGES.by_path.get(path)
    return bool(fragment and target and fragment not in _anchors(target))


def _anchors(page: Page) -> set[str]:
    """Return the anchors of a page, to which its links lead in the site too; not those of its English page."""
    return markdown.list_anchors(_read(page))


def test_every_page_has_one_title_and_skips_no_level() -> None:
    levels = {page.path: [level for level, _ in markdown.list_headings(_read(page))] for page in PAGES.by_path.values()}
    assert [path for path, found in levels.items() if found[:1] != [1] or 1 in found[1:]] == []
    assert [
        path for path, found in levels.items() if any(after > before + 1 for before, after in pairwise(found))
    ] == []


# Pages of developers, reports of measurements, and texts that are signed in Portuguese alone.
_ONE_LANGUAGE = {
    *("howto/console-pages", "reference/code-map", "reference/data-model", "reference/traceability"),
    *("reference/performance", "reference/soak", "reference/processing-record", "reference/service-agreement"),
}


def test_every_page_of_integrators_and_operators_is_in_both_languages() -> None:
    read = {
        page.name for page in PAGES.by_path.values() if not page.name.startswith(("decisions/", "why/", "project/"))
    }
    paired = {english.name for english, _ in _PAIRS} - {"project/readme"}
    assert len(paired) > 45
    assert read - paired == _ONE_LANGUAGE


@pytest.fixture(params=_PAIRS, ids=lambda pair: pair[0].name)
def pair(request: pytest.FixtureRequest) -> tuple[Page, Page]:
    found: tuple[Page, Page] = request.param
    return found


def test_both_languages_have_the_same_headings(pair: tuple[Page, Page]) -> None:
    english, portuguese = ([level for level, _ in markdown.list_headings(_read(page))] for page in pair)
    assert portuguese == english


def test_both_languages_have_the_same_anchors(pair: tuple[Page, Page]) -> None:
    english, portuguese = (markdown.list_raw_anchors(_read(page)) for page in pair)
    assert portuguese == english


def test_both_languages_have_the_same_blocks_of_code(pair: tuple[Page, Page]) -> None:
    english, portuguese = (_blocks(page) for page in pair)
    assert portuguese == english


def _blocks(page: Page) -> list[tuple[str, str]]:
    """Return language and text of each block, without comments, which are translated."""
    tokens = [token for token in markdown.parse(_read(page)) if token.type in ("fence", "code_block")]
    return [(token.info, re.sub(r"(^|\s+)(#|//) .*", "", token.content)) for token in tokens]


def test_both_languages_have_the_same_links(pair: tuple[Page, Page]) -> None:
    english, portuguese = (sorted(map(str, _targets(page))) for page in pair)
    assert portuguese == english


def _targets(page: Page) -> list[tuple[str, str]]:
    """Return what a page links to: pages by name, and their headings by position."""
    found = []
    for link in markdown.list_links(_read(page)):
        path, fragment = _find(page, link)
        target = PAGES.by_path.get(path)
        if _OUTSIDE.match(link) or target is None:
            found.append((link if _OUTSIDE.match(link) else str(path), ""))
        elif target.name != page.name or target.language == page.language:  # else the link to the other language
            found.append((target.name, _position(target, fragment)))
    return found


def _position(page: Page, fragment: str) -> str:
    """Return the position of the heading with this anchor, that of the English page or the page's own."""
    for known in (PAGES.by_name.get(("en", page.name), page), page):
        slugs = markdown.list_slugs(_read(known))
        if fragment in slugs:
            return str(slugs.index(fragment))
    return fragment


def test_both_languages_have_tables_of_the_same_shape_and_keys(pair: tuple[Page, Page]) -> None:
    english, portuguese = (_tables(page) for page in pair)
    assert portuguese == english


def _tables(page: Page) -> list[tuple[int, list[str]]]:
    """Return for each table how many cells it has, and the first cell of each row that is only code."""
    tables: list[tuple[int, list[str]]] = []
    tokens = markdown.parse(_read(page))
    for before, token in pairwise(tokens):
        if before.type == "table_open":
            tables.append((0, []))
        if before.type in ("td_open", "th_open"):
            count, keys = tables[-1]
            tables[-1] = count + 1, keys
            if re.fullmatch(r"`[^`]+`", token.content):
                keys.append(token.content)
    return tables
