"""The built site: it asks no other host, draws its diagrams, searches, and switches languages, from a folder."""

import filecmp
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page
from website.build import ROOT, build
from website.pages import Pages

_LOADS = re.compile(r'<(?:script|link|img|iframe|source|use)\b[^>]*?\b(?:src|href|srcset)="([^"]+)"')
_STYLE_LOADS = re.compile(r"""(?:url\(|@import)\s*["']?(?!data:|["')#])([^"')]+)""")


def test_every_page_is_there_in_its_languages_also_as_markdown(site: Path) -> None:
    for page in Pages(ROOT).by_path.values():
        assert (site / page.language / f"{page.name}.html").is_file(), page
        assert (site / page.language / page.file).is_file(), page
    assert "(en/howto/client.md)" in (site / "llms.txt").read_text("utf-8")


def test_no_page_and_no_style_loads_anything_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    loaded = {load for page in pages for load in _LOADS.findall(page.read_text("utf-8"))}
    loaded |= {load for sheet in site.rglob("*.css") for load in _STYLE_LOADS.findall(sheet.read_text("utf-8"))}
    assert len(loaded) > 20
    assert {load for load in loaded if re.match(r"(?:[a-z]+:)?//", load)} == set()


def test_diagrams_are_drawn_without_network_and_only_their_pages_load_the_program(
    site: Path, offline: BrowserContext
) -> None:
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    drawn = [path for path, text in pages.items() if 'class="mermaid"' in text]
    assert len(drawn) >= 3
    assert {path for path, text in pages.items() if "_static/mermaid.min.js" in text} == set(drawn)
    window = offline.new_page()
    requests: list[str] = []
    window.on("request", lambda request: requests.append(request.url))
    for path in drawn:
        window.goto(path.as_uri())
        count = pages[path].count('class="mermaid"')
        window.wait_for_function(f"document.querySelectorAll('pre.mermaid svg').length == {count}")
        assert window.locator("article", has_text="Syntax error").count() == 0, path
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    window.close()


@pytest.mark.parametrize(
    ("language", "query", "found"),
    [("en", "posting catalogue", "howto/client"), ("pt-BR", "catálogos", "howto/client")],
)
def test_search_finds_pages_by_the_stems_of_the_language(
    site: Path, offline: BrowserContext, language: str, query: str, found: str
) -> None:
    window = offline.new_page()
    window.goto(f"{(site / language / 'search.html').as_uri()}?q={query}")
    window.wait_for_selector(f"#search-results a[href*='{found}']")
    window.close()


def test_the_switch_of_the_language_stays_on_the_page_and_at_its_place(site: Path, offline: BrowserContext) -> None:
    window = offline.new_page()
    _open(window, site / "en/howto/privacy.html", "#erase")
    window.locator("a.switch").click()
    window.wait_for_url("**/pt-BR/howto/privacy.html#erase")
    assert window.locator("#erase").count() == 1
    window.locator("a.switch").click()
    window.wait_for_url("**/en/howto/privacy.html#erase")
    _open(window, site / "en/reference/code-map.html")
    assert window.locator("a.switch").get_attribute("href") == "../../pt-BR/index.html"
    window.close()


def _open(window: Page, path: Path, fragment: str = "") -> None:
    window.set_viewport_size({"width": 1280, "height": 800})
    window.goto(path.as_uri() + fragment)


@pytest.mark.long
def test_two_builds_are_the_same_byte_for_byte(site: Path, diagrams: Path, tmp_path: Path) -> None:
    build(tmp_path / "out", tmp_path / "elsewhere", diagrams)
    files = sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    _, different, unreadable = filecmp.cmpfiles(site, tmp_path / "out", files, shallow=False)
    assert different + unreadable == []
