"""Typed rows of the pages of webhooks."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import DeliveryState, EndpointOwner, EndpointState
from integrahub.domain.webhooks.target_url import hide_query

MAX_COUNTED_DELIVERIES = 10_000  # deliveries of an endpoint; more are shown as "more than"


class EndpointFilter(StrEnum):
    """Which endpoints a page shows."""

    ALL = "all"
    DISABLED = "disabled"
    FAILING = "failing"  #: Enabled, and the last delivery failed.
    ENABLED = "enabled"


class EndpointFilters(msgspec.Struct, frozen=True):
    """Conditions of a listing of endpoints."""

    state: EndpointFilter = EndpointFilter.ALL
    cnpj: str | None = None
    id: UUID | None = None


class EndpointPosition(msgspec.Struct, frozen=True):
    """Place of an endpoint in a listing."""

    rank: int
    id: UUID


class EndpointRow(msgspec.Struct, frozen=True):
    """An endpoint with its `held` and `pending` deliveries, counted up to `MAX_COUNTED_DELIVERIES` + 1."""

    id: UUID
    rank: int
    owner: EndpointOwner
    cnpj: str | None
    name: str | None
    key_hint: str | None
    url: str
    host: str
    events: list[EventType]
    description: str
    state: EndpointState
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    last_at: datetime | None
    last_state: DeliveryState | None
    held: int
    pending: int

    @property
    def shown_url(self) -> str:
        """The URL without the values of its query, which may be secrets of the receiver."""
        return hide_query(self.url)


class DeliveryFilters(msgspec.Struct, frozen=True):
    """Conditions of a listing of deliveries; None matches all."""

    state: DeliveryState | None = None
    event: EventType | None = None
    cnpj: str | None = None
    endpoint: UUID | None = None
    since: datetime | None = None


class DeliveryRow(msgspec.Struct, frozen=True):
    """A delivery in a list, with the outcome of its latest attempt."""

    id: UUID
    endpoint_id: UUID
    host: str
    event: EventType
    cnpj: str | None
    name: str | None
    batch_id: UUID | None
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    last_status: int | None
    last_error: str | None
    milliseconds: int | None


class WholeDelivery(DeliveryRow, frozen=True):
    """A delivery with its body. `can_send`: its endpoint is enabled and not deleted."""

    body: str | None
    occurred_at: datetime
    can_send: bool
