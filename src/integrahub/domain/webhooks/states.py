"""Owners and states of webhook endpoints, states of deliveries with the moves between them."""

from enum import StrEnum

from integrahub.domain.batches import Move


class EndpointOwner(StrEnum):
    """Whose endpoint it is."""

    PHARMACY = "pharmacy"  #: That of one pharmacy.
    KEY = "key"  #: That of a key of several pharmacies or all, and of the keys that replace it by rotation.
    OPERATOR = "operator"  #: That of the operator; it receives the events of every pharmacy.


class EndpointState(StrEnum):
    """Whether events are sent to an endpoint."""

    ENABLED = "enabled"  #: Events are sent.
    DISABLED = "disabled"  #: Events are held until the owner enables the endpoint.


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  #: It is sent at `next_attempt_at`.
    DELIVERED = "delivered"  #: The receiver accepted it.
    FAILED = "failed"  #: Every attempt failed; an owner or operator may replay it.
    HELD = "held"  #: Its endpoint is disabled.


DELIVERY_MOVES = (
    Move(None, DeliveryState.PENDING, "an event is due"),
    Move(None, DeliveryState.HELD, "an event is due, the endpoint disabled"),
    Move(DeliveryState.PENDING, DeliveryState.DELIVERED, "the receiver accepts it"),
    Move(DeliveryState.PENDING, DeliveryState.FAILED, "the last attempt fails, or the endpoint is deleted"),
    Move(DeliveryState.PENDING, DeliveryState.HELD, "the endpoint is disabled"),
    Move(DeliveryState.HELD, DeliveryState.PENDING, "the endpoint is enabled"),
    Move(DeliveryState.HELD, DeliveryState.FAILED, "the endpoint is deleted"),
    Move(DeliveryState.FAILED, DeliveryState.PENDING, "the owner enables the endpoint or replays the delivery"),
    Move(DeliveryState.DELIVERED, DeliveryState.PENDING, "the owner replays the delivery"),
)
