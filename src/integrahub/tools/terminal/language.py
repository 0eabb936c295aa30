"""Language of a program's output: the one chosen on the command line, or else that of the environment."""

import os
from contextvars import ContextVar
from typing import TypeVar

from integrahub.domain.languages import Language

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # in order of precedence
T = TypeVar("T")
_SWAPPED_SEPARATORS = str.maketrans(",.", ".,")
_chosen: ContextVar[Language | None] = ContextVar("language", default=None)


def choose_language(language: Language) -> None:
    """Choose the language for the rest of this run."""
    _chosen.set(language)


def current_language() -> Language:
    """Return the chosen language, or Portuguese if the environment names it, or English."""
    if chosen := _chosen.get():
        return chosen
    locale = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    return Language.PT if locale.lower().startswith("pt") else Language.EN


def select_text(portuguese: T, english: T) -> T:
    """Return the text in the current language."""
    return portuguese if current_language() is Language.PT else english


def format_number(value: float, digits: int = 0) -> str:
    """Format a number in the current language: 16,349.5 or 16.349,5."""
    text = f"{value:,.{digits}f}"
    return text.translate(_SWAPPED_SEPARATORS) if current_language() is Language.PT else text
