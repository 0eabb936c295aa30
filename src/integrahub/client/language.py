"""The language a verb speaks: `--lang`, else that of the environment."""

import os
from contextvars import ContextVar
from typing import Annotated, TypeVar

import typer

from integrahub.domain.languages import Language

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts
T = TypeVar("T")
_SWAPPED = str.maketrans(",.", ".,")
_chosen: ContextVar[Language | None] = ContextVar("language", default=None)


def _choose(given: str | None) -> str | None:
    if given is None:
        return None
    begun = given.lower()[:2]
    if begun not in ("pt", "en"):
        raise typer.BadParameter(f"{given!r}: expected pt or en")
    _chosen.set(Language.PT if begun == "pt" else Language.EN)
    return begun


Lang = Annotated[
    str | None, typer.Option("--lang", metavar="pt|en", callback=_choose, help="the language; absent: that of LANG")
]


def language() -> Language:
    """Return the language chosen, else Portuguese where the environment says so, else English."""
    if chosen := _chosen.get():
        return chosen
    told = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    return Language.PT if told.lower().startswith("pt") else Language.EN


def in_both(portuguese: T, english: T) -> T:
    """Return the text in the language of this run."""
    return portuguese if language() is Language.PT else english


def number(value: float, digits: int = 0) -> str:
    """Write a number as the language does: 16,349.5 or 16.349,5."""
    text = f"{value:,.{digits}f}"
    return text.translate(_SWAPPED) if language() is Language.PT else text
