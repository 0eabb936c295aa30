"""Typed rows of claimed deliveries, and of deliveries after a failed attempt."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import DeliveryState


class ClaimedDelivery(msgspec.Struct, frozen=True):
    """A delivery that this worker sends now. `attempts` counts those of the current schedule, before this one.

    `old_sealed_secret` is None unless a rotation is in progress. `body` is None before the first attempt.
    """

    id: UUID
    endpoint_id: UUID
    event: EventType
    batch_id: UUID | None
    occurred_at: datetime
    facts: dict[str, Any]
    body: str | None
    claim_token: UUID
    attempts: int
    url: str
    sealed_secret: bytes
    old_sealed_secret: bytes | None


class FailedDelivery(msgspec.Struct, frozen=True):
    """The state of a delivery after a failed attempt, and whether the failure disabled its endpoint."""

    state: DeliveryState
    has_disabled: bool
    endpoint_id: UUID
