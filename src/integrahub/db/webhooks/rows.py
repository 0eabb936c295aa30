"""Typed rows of webhook endpoints, deliveries and attempts."""

from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import DeliveryState, EndpointOwner, EndpointState


class Endpoint(msgspec.Struct, frozen=True):
    """An address that receives events, without its secrets.

    `pharmacy_id` None with a key as owner: it receives the events of all pharmacies of the key.
    """

    id: UUID
    owner: EndpointOwner
    pharmacy_id: int | None
    key_id: UUID | None
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


class DeliveryAttempt(msgspec.Struct, frozen=True):
    """An attempt to send a delivery. `status` None: there was no answer; `error` None: it succeeded."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    excerpt: str | None
