"""Publication of undeliverable messages to their dead-letter topic."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from integrahub.bus.base import Bus, Delivery
from integrahub.domain.events import MESSAGES_DEAD, DeadMessage
from integrahub.domain.failures import Failure
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import DEAD_MESSAGES


async def publish_dead_letter(bus: Bus, delivery: Delivery, failure: Failure, letter_id: UUID) -> None:
    """Publish the whole message, with its failure, to MESSAGES_DEAD. The same `letter_id` twice stores one letter.

    Raise Transient if the bus is unavailable; then the message must not be acknowledged.
    """
    dead = DeadMessage(
        letter_id=letter_id,
        topic=delivery.topic,
        body=delivery.body,
        trace_id=tracing.current_trace_id(),
        failed_at=datetime.now(UTC),
        error_class=failure.error_class,
        error_code=failure.error_code,
        culprit=failure.culprit,
        message=failure.message,
        stack=failure.stack,
    )
    await bus.publish(MESSAGES_DEAD, [msgspec.json.encode(dead)])
    DEAD_MESSAGES.add(delivery.topic)
