"""Writes `llms.txt`: every page as Markdown, with its title and first sentence."""

import re

from website import markdown
from website.contents import SECTIONS, is_record, list_section, title_of
from website.pages import ENGLISH, LANGUAGES, PORTUGUESE, Page, Pages

_HEAD = """# IntegraHub

> IntegraHub keeps pharmacies' catalogues in PostgreSQL in step with their ERPs. A program posts a whole catalogue
> (FULL) or its changes (DELTA); the hub answers as soon as the body is durable and applies it in the background.

Each page of this site is also Markdown: replace `.html` by `.md`. The same pages are in English under `en/`, and those
for operators and integrators in Portuguese under `pt-BR/`.
"""
_NAMES = {ENGLISH: "English", PORTUGUESE: "Português"}


def render(pages: Pages) -> str:
    """Return the text: a section per folder and language, the records of single decisions under "Optional"."""
    parts = [_HEAD]
    for language in LANGUAGES:
        loose = [page for page in pages.of(language) if "/" not in page.name]
        parts.append(_section(pages, _NAMES[language], loose))
        for folder, english, portuguese in SECTIONS:
            found = list_section(pages, language, folder)
            title = {ENGLISH: english, PORTUGUESE: portuguese}[language]
            shown = [page for page in found if not is_record(page)]
            parts += [_section(pages, f"{_NAMES[language]}: {title}", shown)] if shown else []
    records = [page for page in pages.of(ENGLISH) if is_record(page)]
    parts.append(_section(pages, "Optional", records))
    return "\n".join(parts)


def _section(pages: Pages, title: str, found: list[Page]) -> str:
    rows = [f"- [{title_of(pages, page)}]({page.language}/{page.file}){_summary(pages, page)}" for page in found]
    return "\n".join([f"## {title}", "", *rows, ""])


def _summary(pages: Pages, page: Page) -> str:
    """Return the first sentence of the page's first paragraph that is more than a link."""
    tokens = markdown.parse(pages.read(page))
    for index, token in enumerate(tokens):
        if token.type == "paragraph_open" and token.level == 0:
            text = markdown.read_text(tokens[index + 1])
            if len(text) > 20:
                return f": {re.split(r'(?<=[.:])[ ]', text)[0]}"
    return ""
