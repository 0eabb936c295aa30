"""Owners and states of webhook endpoints, states of deliveries."""

from enum import StrEnum


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
