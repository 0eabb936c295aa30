"""Typed rows of webhook endpoints, deliveries and attempts, and the owners of endpoints."""

from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import DeliveryState, EndpointOwner, EndpointState


class OwnerRef(msgspec.Struct, frozen=True):
    """The owner of an endpoint; it has at most one that is not deleted.

    `key_id` is the family of a key, `cnpjs` its pharmacies, None for all. A key has one endpoint for all its pharmacies
    (`pharmacy_id` None), and may have another one for each pharmacy.
    """

    owner: EndpointOwner
    pharmacy_id: int | None = None
    key_id: UUID | None = None
    cnpjs: tuple[str, ...] | None = None


class EndpointChanges(msgspec.Struct, frozen=True):
    """What an owner sets. `host` is the host and port of the URL."""

    url: str
    host: str
    events: tuple[EventType, ...]
    description: str


class Endpoint(msgspec.Struct, frozen=True):
    """An address that receives events, without its secrets.

    `cnpj` None with a key as owner: it receives the events of all pharmacies of the key. `old_secret_ends_at` is None
    unless the old secret is valid.
    """

    id: UUID
    owner: EndpointOwner
    cnpj: str | None
    url: str
    events: list[EventType]
    description: str
    old_secret_ends_at: datetime | None
    state: EndpointState
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime


class Delivery(msgspec.Struct, frozen=True):
    """An event for one endpoint. `last_status` and `last_error` are those of the latest attempt."""

    id: UUID
    endpoint_id: UUID
    event: EventType
    cnpj: str | None
    batch_id: UUID | None
    occurred_at: datetime
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    last_status: int | None
    last_error: str | None
    body: str | msgspec.UnsetType | None = msgspec.UNSET  # read with one delivery only


class DeliveryAttempt(msgspec.Struct, frozen=True):
    """An attempt to send a delivery. `status` None: there was no answer; `error` None: it succeeded."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    excerpt: str | None


class DeliveryPosition(msgspec.Struct, frozen=True):
    """The place of a delivery in a listing."""

    created_at: datetime
    id: UUID


class DeliveryFilters(msgspec.Struct, frozen=True):
    """Conditions of a listing of deliveries; None matches all."""

    state: DeliveryState | None = None
    event: EventType | None = None
    batch_id: UUID | None = None
    cnpj: str | None = None
    since: datetime | None = None
