"""Typed rows of the people of the console, their sessions and one-time links.

`keys_off` is text: it may hold a key that only a later version has (`domain.people.shortcut_keys.known_keys`).
"""

from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.domain.languages import Language
from integrahub.domain.people.roles import Role, Theme


class User(msgspec.Struct, frozen=True):
    """A person, without secrets. `language` None is that of the browser; `password_set_at` None: no password yet."""

    id: int
    name: str
    email: str
    role: Role
    language: Language | None
    theme: Theme
    keys_off: list[str]
    password_set_at: datetime | None
    totp_enabled_at: datetime | None
    created_at: datetime
    signed_in_at: datetime | None
    removed_at: datetime | None


class Credentials(msgspec.Struct, frozen=True):
    """What a person signs in with. `password` is a PHC string, `totp_step` the time step of the last code accepted."""

    id: int
    name: str
    password: str | None
    sealed_totp: bytes | None
    totp_enabled_at: datetime | None
    totp_step: int


class SignedIn(msgspec.Struct, frozen=True):
    """A live session with its person. `is_touch_due`: its last use should be stored.

    `needs_password`: the password was typed too long ago for acts that ask for it again.
    """

    session_id: UUID
    user_id: int
    name: str
    role: Role
    language: Language | None
    theme: Theme
    keys_off: list[str]
    has_totp: bool
    needs_password: bool
    is_touch_due: bool


class UserSession(msgspec.Struct, frozen=True):
    """A live session as its person and administrators see it."""

    id: UUID
    user_id: int
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str
