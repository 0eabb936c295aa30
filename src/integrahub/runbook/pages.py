"""Pages of the runbook and their entries, read from the Markdown of the documentation."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from integrahub.domain.languages import Language

#: Pages by name, in the order of the list of entries.
PAGES = ("runbook", "processes", "batches", "pharmacies", "dependencies", "access", "alerts")
ERRORS_PAGE = "errors"  #: The reference of error codes, one page for both languages.
_SWITCH = re.compile(r"^\[(?:English|Português)\]\(\S+\)\n\n", re.MULTILINE)  # to the page's other language
_ENTRY = re.compile(r"^\(([a-z0-9-]+)\)=\n## (.+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `anchor` is its name in all languages, `text` its Markdown without the heading."""

    anchor: str
    page: str
    title: str
    text: str


@cache
def read_page(name: str, language: Language) -> str:
    """Return the Markdown of a page. Raise FileNotFoundError if there is no such page; that is not cached."""
    if name == ERRORS_PAGE:
        return _find(f"{ERRORS_PAGE}.md", "reference").read_text("utf-8")
    if name not in PAGES:
        raise FileNotFoundError(name)
    suffix = "" if language is Language.EN else f".{language}"
    return _SWITCH.sub("", _find(f"{name}{suffix}.md", "runbook").read_text("utf-8"), count=1)


@cache
def list_entries(language: Language) -> dict[str, Entry]:
    """Return all entries by their anchor, in the order of the pages."""
    return {entry.anchor: entry for name in PAGES for entry in _split(name, read_page(name, language))}


def _split(page: str, text: str) -> list[Entry]:
    found = list(_ENTRY.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [
        Entry(match[1], page, match[2], text[match.end() : end].strip())
        for match, end in zip(found, ends, strict=False)
    ]


def _find(file: str, folder: str) -> Traversable:
    """Return a file of the installed package, or of the source tree that this module is in."""
    packaged = resources.files(__package__) / "pages" / file
    return packaged if packaged.is_file() else Path(__file__).parents[3] / "docs" / folder / file
