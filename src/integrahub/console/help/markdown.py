"""Markdown of the package's own documentation as HTML. Its source is trusted: it holds no text of clients."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_TARGET = re.compile(r"^\(([a-z0-9-]+)\)=$")
_PAGE_LINK = re.compile(r"^(?:\.\./(?:runbook|reference)/)?(\w+?)(?:\.pt-BR)?\.md(#[\w-]+)?$")


@dataclass(frozen=True, slots=True)
class Document:
    """A page: the text of its first heading, and the HTML of the rest."""

    title: str
    html: Markup


def render_markdown(text: str, root: str, pages: frozenset[str]) -> Document:
    """Render a page. Links to `pages` lead below `root`; those to other files are plain text.

    A line `(name)=` before a heading is its anchor.
    """
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(text)
    title = tokens[1].content if tokens and tokens[0].type == "heading_open" else ""
    kept = list(_move_targets(tokens[3:] if title else tokens))
    for token in kept:
        if token.children:
            token.children = list(_point_links(token.children, root, pages))
    html = parser.renderer.render(kept, parser.options, {})
    wrapped = html.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    return Document(title, Markup(wrapped))


def _move_targets(tokens: list[Token]) -> Iterator[Token]:
    """Yield the tokens without the paragraphs that are targets; the heading after one gets its name as id."""
    target = ""
    skipped = 0
    for index, token in enumerate(tokens):
        if skipped:
            skipped -= 1
            continue
        if token.type == "paragraph_open" and (found := _TARGET.match(tokens[index + 1].content)):
            target, skipped = found[1], 2
            continue
        if target and token.type == "heading_open":
            token.attrSet("id", target)
            target = ""
        yield token


def _point_links(children: list[Token], root: str, pages: frozenset[str]) -> Iterator[Token]:
    """Yield the tokens of a paragraph with their links led to the console's pages, or without them."""
    is_dropped = False
    for child in children:
        if child.type == "link_open":
            href = _point(str(child.attrs["href"]), root, pages)
            is_dropped = href is None
            if href is not None:
                child.attrs["href"] = href
        if not (is_dropped and child.type in ("link_open", "link_close")):
            yield child
        is_dropped = is_dropped and child.type != "link_close"


def _point(href: str, root: str, pages: frozenset[str]) -> str | None:
    if href.startswith(("#", "https://", "http://")):
        return href
    found = _PAGE_LINK.match(href)
    return f"{root}/{found[1]}.html{found[2] or ''}" if found and found[1] in pages else None
