"""Events that webhooks report, and who may subscribe to them."""

from enum import StrEnum


class EventType(StrEnum):
    """Types of events. A new one also needs the statement that stores it, and its data in the step `notify`.

    Events of batches are stored by `db/webhooks/events.sql`, all others by `db/webhooks/notices.sql`.
    """

    BATCH_COMPLETED = "batch.completed"  #: Every record of a batch was applied.
    BATCH_PARTIAL_FAIL = "batch.partial_fail"  #: Some records of a batch were rejected, or some chunk is dead.
    BATCH_FAILED = "batch.failed"  #: Nothing of a batch was applied.
    BATCH_CANCELLED = "batch.cancelled"  #: An operator stopped a batch.
    DEACTIVATION_HELD = "batch.deactivation_held"  #: The deactivation of a FULL waits for a decision.
    DEACTIVATION_DECIDED = "batch.deactivation_decided"  #: A held deactivation was approved, rejected or superseded.
    PHARMACY_SILENT = "pharmacy.silent"  #: A pharmacy posted nothing for unusually long.
    PHARMACY_HEARD = "pharmacy.heard"  #: A silent pharmacy posted again.
    WEBHOOK_TEST = "webhook.test"  #: The owner of an endpoint requested a test.
    WEBHOOK_DISABLED = "webhook.disabled"  #: An endpoint was disabled; sent to the operator.
    KEY_EXPIRING = "key.expiring"  #: An API key expires soon; sent to the operator.


# An endpoint receives `webhook.test` when its owner requests it, also if its `events` do not list it.
OPERATOR_EVENTS = tuple(event for event in EventType if event is not EventType.WEBHOOK_TEST)
CLIENT_EVENTS = tuple(
    event for event in OPERATOR_EVENTS if event not in (EventType.WEBHOOK_DISABLED, EventType.KEY_EXPIRING)
)
