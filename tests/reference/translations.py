"""Portuguese texts of the generated reference: a catalogue a page, in `locales/pt_BR`.

A generator hands each of its English texts to a `Translate`; that of English pages returns it unchanged.
`make reference` adds new texts to the catalogues, drops old ones, and lists those without a translation. A test refuses
them.
"""

import io
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from tests.messages import render
from tests.reference.parts import Part

Translate = Callable[[str], str]
Render = Callable[[Translate], str]
_LOCALE = Path(__file__).parent / "locales" / "pt_BR"


def to_pair(page: str, name: str, render: Render) -> tuple[Part, Part]:
    """Return a part of the English page and of its Portuguese twin."""
    english = Part(f"reference/{page}.md", name, lambda: render(str))
    return english, Part(f"reference/{page}.pt-BR.md", name, lambda: render(portuguese(page)))


def portuguese(page: str) -> Translate:
    """Return the translation of a page's texts; one without a translation stays English."""
    texts = load_texts(page)
    return lambda text: texts.get(text) or text


@cache
def load_texts(page: str) -> dict[str, str]:
    """Return the catalogue of a page: each English text with its translation, which may be empty."""
    file = _LOCALE / f"{page}.po"
    catalog = read_po(io.StringIO(file.read_text("utf-8") if file.exists() else ""), locale="pt_BR")
    return {str(message.id): str(message.string) for message in catalog if message.id}


def list_texts(renders: Iterable[Render]) -> set[str]:
    """Return the texts that the parts of a page hand over to be translated."""
    texts: set[str] = set()

    def collect(text: str) -> str:
        texts.add(text)
        return text

    for function in renders:
        function(collect)
    return texts - {""}


def update(page: str, texts: Iterable[str]) -> list[str]:
    """Write the catalogue of a page with exactly these texts, and return those without a translation."""
    known = load_texts(page)
    catalog = Catalog(locale="pt_BR")
    for text in texts:
        catalog.add(text, known.get(text, ""))
    (_LOCALE / f"{page}.po").write_text(render(catalog), "utf-8")
    load_texts.cache_clear()
    return sorted(text for text in texts if not known.get(text))
