"""Pages in two languages have the same shape, and every link with an anchor leads to a heading or a target."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_SUFFIX = ".pt-BR.md"
_PAIRS = [*ROOT.glob(f"*{_SUFFIX}"), *sorted((ROOT / "docs").rglob(f"*{_SUFFIX}"))]
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_KEY = re.compile(r"^\| (`[^`|]+`) \|", re.MULTILINE)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_TARGET = re.compile(r"^\(([a-z0-9-]+)\)=$|<a id=\"([^\"]+)\">", re.MULTILINE)


def _english(page: Path) -> Path:
    return page.with_name(page.name.replace(_SUFFIX, ".md"))


_IN_BOTH = [page for page in _PAIRS if _english(page).exists()]


def _written(page: Path) -> str:
    """Return the text of a page without the section that is generated from the code, which is in English alone."""
    text = page.read_text("utf-8")
    end = text.find("<!-- generated:")
    return text if end < 0 else text[: text.rfind("\n## ", 0, end)]


def _shape(page: Path) -> dict[str, list[str]]:
    text = _written(page)
    prose = _BLOCK.sub("", text)
    links = [link.replace(_SUFFIX, ".md").partition("#")[0] for link in _LINK.findall(prose)]
    return {
        "levels of headings": [level for level, _ in _HEADING.findall(prose)],
        "blocks": [] if page.parent.name == "reference" else _BLOCK.findall(text),
        "links": sorted(link for link in links if link != _english(page).name),
        "keys of tables": _KEY.findall(prose),
    }


@pytest.mark.parametrize("page", _IN_BOTH, ids=lambda page: page.name.removesuffix(_SUFFIX))
def test_both_languages_of_a_page_have_the_same_shape(page: Path) -> None:
    portuguese, english = _shape(page), _shape(_english(page))
    for part, found in english.items():
        missing, more = set(found) - set(portuguese[part]), set(portuguese[part]) - set(found)
        assert portuguese[part] == found, f"{part}: missing {missing}, more {more}"


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page as GitHub makes them, its explicit targets, and those of its English twin."""
    text = _BLOCK.sub("", page.read_text("utf-8"))
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in _HEADING.findall(text)}
    targets = {one or other for one, other in _TARGET.findall(text)}
    twin = _english(page)
    return slugs | targets | (_anchors(twin) if twin != page and twin.exists() else set())


def test_every_link_with_an_anchor_leads_to_a_heading_or_a_target() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        (page.relative_to(ROOT).as_posix(), link)
        for page in pages
        for link in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8")))
        if "#" in link and "://" not in link and not _leads_somewhere(page, link)
    ]
    assert len(pages) > 50 and broken == []


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.suffix != ".md" or (target.exists() and anchor in _anchors(target))
