"""The type of a message in Portuguese and English, and how facts are put into it."""

from collections.abc import Mapping
from typing import NamedTuple

from integrahub.domain.languages import Language

_GROUPED_FACTS = frozenset({"candidates", "active"})  # facts written with the thousands separator of each language


class Message(NamedTuple):
    """Message in both languages: what happened, what was expected, what to do. Names in braces are facts."""

    pt: str
    en: str

    def in_language(self, language: Language) -> str:
        """Return the text in one language."""
        return self.pt if language is Language.PT else self.en


def format_message(message: Message, facts: Mapping[str, object]) -> Message:
    """Return the message with its facts filled in. A fact that is a Message is filled in by language."""
    localized = {name: _localize(name, fact) for name, fact in facts.items()}
    pt = {name: fact.pt if isinstance(fact, Message) else fact for name, fact in localized.items()}
    en = {name: fact.en if isinstance(fact, Message) else fact for name, fact in localized.items()}
    return Message(message.pt.format(**pt), message.en.format(**en))


def _localize(name: str, fact: object) -> object:
    if name not in _GROUPED_FACTS or not isinstance(fact, int):
        return fact
    english = f"{fact:,}"
    return Message(english.replace(",", "."), english)
