"""Reads Markdown: headings with GitHub's anchors, links, and the lines outside of code."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^\s*(```+|~~~+)")
_ANCHOR = re.compile(r'<a id="([^"]+)">|^\(([a-z0-9-]+)\)=$', re.MULTILINE)


@cache
def parse(text: str) -> list[Token]:
    """Return the tokens of a page: CommonMark with tables."""
    return MarkdownIt("commonmark").enable("table").parse(text)


def slug(title: str) -> str:
    """Return GitHub's anchor of a heading, given its text without markup."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def list_slugs(text: str) -> list[str]:
    """Return the anchor of each heading, in order; repeated ones end in `-1`, `-2`, ..."""
    counts: Counter[str] = Counter()
    slugs = []
    for _, title in list_headings(text):
        base = slug(title)
        slugs.append(f"{base}-{counts[base]}" if counts[base] else base)
        counts[base] += 1
    return slugs


def list_headings(text: str) -> list[tuple[int, str]]:
    """Return level and text of each heading."""
    tokens = parse(text)
    return [
        (int(token.tag[1:]), read_text(tokens[index + 1]))
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
    ]


def read_text(inline: Token) -> str:
    """Return the text of a paragraph, heading or cell without its markup."""
    parts = (child.content if child.content else " " for child in inline.children or ())
    return "".join(parts).replace("\n", " ").strip()


def list_anchors(text: str) -> set[str]:
    """Return every fragment that a link to the page may have."""
    return {*list_slugs(text), *list_raw_anchors(text)}


def list_raw_anchors(text: str) -> set[str]:
    """Return the fragments that the page names itself: as HTML, or as a target of MyST before a heading."""
    return {html or target for html, target in _ANCHOR.findall(text)}


def list_links(text: str) -> list[str]:
    """Return the target of each link and image, in order."""
    return [link for line in _prose(text) for link in _LINK.findall(line)]


def replace_links(text: str, replace: Callable[[str], str]) -> str:
    """Return the page with each target of a link or image replaced."""
    lines = []
    for line, is_prose in _lines(text):
        lines.append(_LINK.sub(lambda found: f"]({replace(found[1])})", line) if is_prose else line)
    return "\n".join(lines)


def _prose(text: str) -> Iterator[str]:
    return (line for line, is_prose in _lines(text) if is_prose)


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is outside of fenced and indented code."""
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
            yield line, False
        elif fence:
            fence = "" if mark and line.strip() == mark[1] and mark[1].startswith(fence) else fence
            yield line, False
        else:
            yield line, not line.startswith("    ")
