"""Single keys that act in the console. Each person can switch each of them off (WCAG 2.1.4)."""

from collections.abc import Iterable
from enum import StrEnum


class ShortcutKey(StrEnum):
    """A key that acts outside of fields."""

    SEARCH = "/"
    GO = "g"  #: Followed by the key of an area.
    NEXT = "j"
    PREVIOUS = "k"
    PAUSE = "p"
    HELP = "?"


def known_keys(texts: Iterable[str]) -> list[ShortcutKey]:
    """Return the keys that this version has. A later version may have stored others."""
    known = {key.value: key for key in ShortcutKey}
    return [known[text] for text in texts if text in known]
