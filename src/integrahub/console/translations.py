"""Translations: the English msgids of templates and pages in Portuguese, from one .po file per area."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from io import StringIO

from babel.messages.pofile import read_po

from integrahub.domain.languages import Language

_Text = str | tuple[str, ...]


def N_(text: str) -> str:
    """Mark a text for translation where it stands; the template that shows it translates it."""
    return text


class Catalog:
    """The texts of one language. A text without translation stays English."""

    def __init__(self, tag: str, locale: str, texts: dict[str, _Text]) -> None:
        self.tag = tag
        self.locale = locale  # Babel's name, for numbers and dates
        self._texts = texts

    def gettext(self, text: str) -> str:
        """Return the translation of a text."""
        found = self._texts.get(text, text)
        return found if isinstance(found, str) else found[0]

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """Return the translation of the singular or the plural, by the number."""
        found = self._texts.get(singular, (singular, plural))
        forms = (found, plural) if isinstance(found, str) else found
        return forms[0] if abs(number) == 1 else forms[-1]


@cache
def load_catalogs() -> dict[str, Catalog]:
    """Return the catalogues of Portuguese and English by language tag."""
    folder = resources.files("integrahub.console") / "locales" / "pt_BR"
    portuguese = _read_texts(file for file in folder.iterdir() if file.name.endswith(".po"))
    return {
        Language.PT: Catalog(Language.PT, "pt_BR", portuguese),
        Language.EN: Catalog(Language.EN, "en", {}),
    }


def _read_texts(files: Iterable[Traversable]) -> dict[str, _Text]:
    texts: dict[str, _Text] = {}
    for file in sorted(files, key=lambda found: found.name):
        for message in read_po(StringIO(file.read_text("utf-8")), locale="pt_BR"):
            forms = _list_forms(message.string)
            if message.id and all(forms):
                key = message.id if isinstance(message.id, str) else message.id[0]
                texts[key] = forms[0] if len(forms) == 1 else forms
    return texts


def _list_forms(string: str | Sequence[str] | None) -> tuple[str, ...]:
    return (string or "",) if string is None or isinstance(string, str) else tuple(string)
