"""Typed rows of the pages of pharmacies."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from integrahub.domain.api_keys import Scope
from integrahub.domain.batches import BatchKind, BatchStatus, DeactivationState, LoadType, Stage
from integrahub.domain.freshness.rhythm import PharmacyState, Rhythm, list_states
from integrahub.domain.freshness.silence import FailedLoads, KeyFacts, RefusedPosts


class PharmacySummary(msgspec.Struct, frozen=True):
    """A pharmacy in the list, with its latest load. `final_status` is that of its latest load that is final."""

    id: int
    cnpj: str
    name: str
    city: str
    uf: str
    last_batch: UUID | None
    last_at: datetime | None
    last_status: BatchStatus | None
    last_type: LoadType | None
    final_status: BatchStatus | None
    posts: int
    usual_gap: timedelta | None
    longest_gap: timedelta | None
    held: int

    @property
    def rhythm(self) -> Rhythm:
        """Return how often the pharmacy posts."""
        return Rhythm(self.posts, self.last_at, self.usual_gap, self.longest_gap)

    def states(self, now: datetime) -> list[PharmacyState]:
        """Return the states of the pharmacy, the most urgent first."""
        return list_states(self.rhythm, self.final_status, self.held, now)


class RejectedRecords(msgspec.Struct, frozen=True):
    """Records of a pharmacy that were rejected in seven days."""

    pharmacy_id: int
    records: int


class PageFigures(msgspec.Struct, frozen=True):
    """Figures of a pharmacy in the list. `keys_end_at` is None if a key never expires, or none is active."""

    id: int
    rejected: int
    refused: int
    active_keys: int
    keys_end_at: datetime | None


class RhythmCount(msgspec.Struct, frozen=True):
    """The rhythm of a pharmacy, counted over its latest posts. Without posts, all but `posts` is None."""

    posts: int
    last_at: datetime | None
    usual_gap: timedelta | None
    longest_gap: timedelta | None

    def to_rhythm(self) -> Rhythm:
        """Return the rhythm."""
        return Rhythm(self.posts, self.last_at, self.usual_gap, self.longest_gap)


class LatestLoad(msgspec.Struct, frozen=True):
    """One of the latest batches of a pharmacy."""

    id: UUID
    kind: BatchKind
    status: BatchStatus
    stage: Stage
    load_type: LoadType
    received_at: datetime
    finished_at: datetime | None
    items_total: int | None
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    deactivated: int
    deactivation_state: DeactivationState
    error_code: str | None
    error_facts: dict[str, Any] | None


class FailedRun(msgspec.Struct, frozen=True):
    """The latest loads of a pharmacy, without exception failed, and the error of the last."""

    count: int
    first_at: datetime
    last_at: datetime
    error_code: str | None
    error_facts: dict[str, Any] | None

    def to_failed_loads(self) -> FailedLoads:
        """Return what causes are found from."""
        return FailedLoads(self.count, self.first_at, self.last_at, self.error_code or "")


class HeldDeactivation(msgspec.Struct, frozen=True):
    """A deactivation of a pharmacy that waits for a decision."""

    id: UUID
    received_at: datetime
    candidates: int
    active: int | None


class PharmacyKey(msgspec.Struct, frozen=True):
    """A key that may post for a pharmacy, or could until it ended. `name` is that of the audit log.

    `pharmacies` is the number of its pharmacies, 0 if it is for all.
    """

    id: UUID
    name: str
    hint: str
    tenants: Literal["pharmacies", "all"]
    pharmacies: int
    scopes: list[Scope]
    rate_limit: str | None
    replaces: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    weak: bool
    is_active: bool

    @property
    def is_shared(self) -> bool:
        """Return whether the key is for other pharmacies, too."""
        return self.tenants == "all" or self.pharmacies > 1

    def to_facts(self) -> KeyFacts:
        """Return what causes are found from."""
        return KeyFacts(self.name, self.hint, self.expires_at, self.revoked_at)


class PharmacyRefusal(msgspec.Struct, frozen=True):
    """Refused posts of one CNPJ, key, code and address; what is not known is empty."""

    cnpj: str
    key_name: str
    code: str
    address: str
    count: int
    first_at: datetime
    last_at: datetime

    def to_posts(self) -> RefusedPosts:
        """Return what causes are found from."""
        return RefusedPosts(self.cnpj, self.key_name, self.code, self.address, self.count, self.first_at, self.last_at)


class Rejection(msgspec.Struct, frozen=True):
    """Rejected records of one code and field in the latest loads of a pharmacy."""

    code: str
    field: str
    records: int
    batches: int
    last_at: datetime


class PharmacyAct(msgspec.Struct, frozen=True):
    """An entry of the audit log about a pharmacy, one of its keys or its webhook; `outcome` None: it runs."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    outcome: str | None
