"""Typed rows of pharmacies, API keys, audit log and rate limits."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec

from integrahub.domain.api_keys import Scope


class Pharmacy(msgspec.Struct, frozen=True):
    """A pharmacy and its settings; None: the setting of the hub. `deactivation_limit` is a share.

    `webhook_disabled_at` is only read for posts.
    """

    id: int
    cnpj: str
    name: str
    city: str
    state: str
    time_zone: str
    deactivation_limit: Decimal | None
    full_window_minutes: int | None
    rate_limit: str | None
    created_at: datetime
    webhook_disabled_at: datetime | None = None


class PharmacySettings(msgspec.Struct, frozen=True):
    """All settings of a pharmacy; None: the setting of the hub. `deactivation_limit` is a share."""

    name: str
    city: str
    state: str
    time_zone: str
    deactivation_limit: Decimal | None
    full_window_minutes: int | None
    rate_limit: str | None


class SilentPharmacy(msgspec.Struct, frozen=True):
    """A pharmacy whose last post is unusually long ago. `longest_gap` between posts and `silent_for` are in seconds."""

    id: int
    cnpj: str
    name: str
    city: str
    state: str
    last_at: datetime
    longest_gap: float
    silent_for: float


class ApiKey(msgspec.Struct, frozen=True):
    """An API key as operators see it. `replaces` is the key that it was created to replace."""

    id: UUID
    hint: str
    tenants: Literal["pharmacies", "all"]
    cnpjs: list[str]
    scopes: list[Scope]
    rate_limit: str | None
    replaces: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    weak: bool


class UnrevokedApiKey(msgspec.Struct, frozen=True):
    """An API key that a request may carry. If `is_use_due`, its last use should be stored."""

    id: UUID
    family: UUID
    hash: bytes
    public_id: str | None
    tenants: Literal["pharmacies", "all"]
    cnpjs: list[str]
    scopes: list[Scope]
    rate_limit: str | None
    expires_at: datetime | None
    is_expired: bool
    is_use_due: bool


class AuditEntry(msgspec.Struct, frozen=True):
    """An action of an operator. `before` and `after` are JSON values. `outcome` is None while the action runs.

    `user_id` is that of a person of the console, where it is read.
    """

    id: int
    at: datetime
    actor: str
    address: str
    action: str
    subject: str
    before: Any
    after: Any
    outcome: str | None
    ended_at: datetime | None
    user_id: int | None = None


class SubjectUsage(msgspec.Struct, frozen=True):
    """Hits granted to a subject, its usage in this and the previous window, and the elapsed share of this window."""

    subject: str
    granted: int
    taken: int
    before: int
    elapsed: float
