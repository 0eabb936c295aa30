"""Typed rows of the pages of failures."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

MAX_COUNTED_LETTERS = 10_000  # open letters of a cause; more are shown as "more than"


class CauseState(StrEnum):
    """Which causes a page shows."""

    OPEN = "open"  #: With open letters, and not muted.
    MUTED = "muted"
    SETTLED = "settled"  #: Without open letters.
    ALL = "all"


class CauseFilters(msgspec.Struct, frozen=True):
    """Conditions of a listing of causes. `cause` is an error class, an error code, a culprit or a fingerprint."""

    state: CauseState = CauseState.OPEN
    cause: str | None = None
    cnpj: str | None = None
    since: datetime | None = None


class CausePosition(msgspec.Struct, frozen=True):
    """Place of a cause in a listing."""

    last_seen: datetime
    fingerprint: str


class CauseName(msgspec.Struct, frozen=True):
    """What a cause of failure is called."""

    fingerprint: str
    error_class: str
    error_code: str
    culprit: str

    @property
    def name(self) -> str:
        """The cause in words of the code: class and error code."""
        return f"{self.error_class} ({self.error_code})" if self.error_code else self.error_class


class Cause(CauseName, frozen=True):
    """A cause of failure. `open` and `pharmacies` count at most `MAX_COUNTED_LETTERS` + 1 open letters.

    `sample` is the latest letter; `message` is None if retention deleted it.
    """

    total: int
    first_seen: datetime
    last_seen: datetime
    muted_until: datetime | None
    mute_note: str | None
    muted_by: str | None
    open: int
    pharmacies: int
    first_open: datetime | None
    sample: int
    message: str | None

    def is_muted(self, now: datetime) -> bool:
        """Return whether the cause asks for no attention now."""
        return self.muted_until is not None and self.muted_until > now


class LetterFilters(msgspec.Struct, frozen=True):
    """Conditions of a listing of the letters of one cause. `settled` None matches open and settled ones."""

    settled: bool | None = False
    cnpj: str | None = None
    since: datetime | None = None


class CauseLetter(msgspec.Struct, frozen=True):
    """A dead letter in the list of its cause."""

    id: int
    batch_id: UUID | None
    chunk: int | None
    cnpj: str | None
    name: str | None
    topic: str | None
    records: int
    message: str
    created_at: datetime
    replay_asked_at: datetime | None
    settled_at: datetime | None
    replayed_by: UUID | None
    replay_refusal: str | None
    attempts: int


class LettersOfPharmacy(msgspec.Struct, frozen=True):
    """Open letters of one pharmacy that a filter finds; `cnpj` None: messages."""

    cnpj: str | None
    name: str | None
    letters: int
    records: int
    first_at: datetime


class HourCount(msgspec.Struct, frozen=True):
    """Open letters of a cause at the end of an hour."""

    fingerprint: str
    hour: datetime
    open: int
