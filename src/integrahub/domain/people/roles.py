"""Roles and themes of people who use the console."""

from enum import StrEnum


class Role(StrEnum):
    """What a person may do in the console. Each role includes those before it."""

    VIEWER = "viewer"  #: Read everything but secrets, and change nothing.
    OPERATOR = "operator"  #: Also replay, cancel, decide and test webhooks.
    ADMIN = "admin"  #: Also keys, users and settings of pharmacies.

    def includes(self, other: "Role") -> bool:
        """Return whether a person with this role may do what `other` permits."""
        return _LADDER.index(self) >= _LADDER.index(other)


_LADDER = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


class Theme(StrEnum):
    """Colours of the console: those that the browser prefers, light or dark."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"
