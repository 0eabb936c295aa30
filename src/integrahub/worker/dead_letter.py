"""Giving up: a message no step can work on leaves its topic, so that nothing waits behind it."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from integrahub.bus.base import Bus, Delivery
from integrahub.domain.events import MESSAGES_DEAD, DeadMessage
from integrahub.domain.failures import Failure
from integrahub.telemetry import tracing as traces
from integrahub.telemetry.metrics.registry import DEAD_MESSAGES


async def publish_dead_letter(bus: Bus, delivery: Delivery, failure: Failure) -> None:
    """Send it to the topic of the dead, whole; Transient when that fails, and it must come again."""
    dead = DeadMessage(
        letter_id=uuid4(),
        topic=delivery.topic,
        body=delivery.body,
        trace_id=traces.current(),
        failed_at=datetime.now(UTC),
        error_class=failure.error_class,
        error_code=failure.error_code,
        culprit=failure.culprit,
        message=failure.message,
        stack=failure.stack,
    )
    await bus.publish(MESSAGES_DEAD, [msgspec.json.encode(dead)])
    DEAD_MESSAGES.add(delivery.topic)
