"""Single keys that act in the console. Each person can switch each of them off (WCAG 2.1.4)."""

from enum import StrEnum


class ShortcutKey(StrEnum):
    """A key that acts outside of fields."""

    SEARCH = "/"
    GO = "g"  #: Followed by the key of an area.
    NEXT = "j"
    PREVIOUS = "k"
    PAUSE = "p"
    HELP = "?"
