"""Consumer of one topic: receive messages, run the step on each, acknowledge them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import msgspec
import structlog

from integrahub.bus.base import Delivery
from integrahub.domain.errors import IntegraHubError, Transient
from integrahub.domain.events import MESSAGES_DEAD
from integrahub.domain.failures import classify_error, describe_failure
from integrahub.domain.steps import STEP_OF_TOPIC
from integrahub.hub.hub import Hub
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import ERRORS
from integrahub.worker.dead_letter import publish_dead_letter
from integrahub.worker.delivery_limit import DeliveryLimit
from integrahub.worker.stop import sleep_until_stop
from integrahub.worker.watchdog import LoopWatchdog

Step = Callable[[bytes], Awaitable[None]]
_RECEIVE_TIMEOUT_SECONDS = 1.0  # short, so that the consumer notices an open breaker
_OUTAGE_PAUSE_SECONDS = 1.0
_log = structlog.get_logger()


async def consume(
    hub: Hub, topic: str, step: Step, stop: asyncio.Event, concurrency: int, watchdog: LoopWatchdog | None = None
) -> None:
    """Run `step` on each message of `topic` until `stop`, then finish the messages already received.

    While a circuit breaker, or the breaker of the step, is open, the consumer receives nothing. So an outage of a
    dependency does not count as failures of the messages.
    """
    running: set[asyncio.Task[None]] = set()
    limit = DeliveryLimit()
    watchdog = watchdog or LoopWatchdog()
    while not stop.is_set():
        watchdog.beat(topic)
        if wait := _seconds_until_closed(hub, topic):
            await sleep_until_stop(stop, wait)
            continue
        try:
            deliveries = await hub.bus.receive(topic, concurrency - len(running), _RECEIVE_TIMEOUT_SECONDS)
        except IntegraHubError as error:
            _log.warning("bus unavailable, pausing the consumer", action="receive", topic=topic, error=str(error))
            await sleep_until_stop(stop, _OUTAGE_PAUSE_SECONDS)
            continue
        running |= {asyncio.create_task(_process_and_ack(hub, step, delivery, stop, limit)) for delivery in deliveries}
        if len(running) >= concurrency:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        running = {task for task in running if not task.done()}
    if running:
        await asyncio.wait(running)


def _seconds_until_closed(hub: Hub, topic: str) -> float:
    """Return the seconds until all breakers that concern the topic allow work."""
    step_breaker = hub.step_breakers.get(STEP_OF_TOPIC[topic])
    own = step_breaker.retry_after() if step_breaker else 0.0
    return max(*(breaker.retry_after() for breaker in hub.breakers.values()), own)


async def _process_and_ack(hub: Hub, step: Step, delivery: Delivery, stop: asyncio.Event, limit: DeliveryLimit) -> None:
    with tracing.bind_trace(delivery.trace) if delivery.trace else nullcontext():
        try:
            if await _process(hub, step, delivery, limit):
                await hub.bus.ack([delivery])
        except Transient as error:
            ERRORS.add(STEP_OF_TOPIC[delivery.topic], classify_error(error))
            _log.warning("dependency unavailable, message will be redelivered", action="process", error=str(error))
            await sleep_until_stop(stop, _OUTAGE_PAUSE_SECONDS)


async def _process(hub: Hub, step: Step, delivery: Delivery, limit: DeliveryLimit) -> bool:
    """Process one delivery; return True if it may be acknowledged."""
    try:
        await step(delivery.body)
    except Transient:
        raise
    except Exception as error:
        # Safe to acknowledge: rows of unfinished work remain, and the sweep dispatches them again.
        return await _dead_letter_if_exhausted(hub, delivery, error, limit)
    limit.reset(delivery.body)
    return True


async def _dead_letter_if_exhausted(hub: Hub, delivery: Delivery, error: Exception, limit: DeliveryLimit) -> bool:
    """Dead-letter a message that is unreadable or failed too often.

    Return True if the message was dead-lettered and may be acknowledged.
    """
    unreadable = isinstance(error, msgspec.MsgspecError)
    ERRORS.add(STEP_OF_TOPIC[delivery.topic], "message_unreadable" if unreadable else classify_error(error))
    if unreadable:
        _log.error("message is not decodable", action="process", topic=delivery.topic, error=str(error))
    else:
        _log.error("step failed with an unexpected error", action="process", topic=delivery.topic, exc_info=error)
    # A message of `messages.dead` is retried without limit: there is nowhere else to put it.
    exhausted = unreadable or (delivery.topic != MESSAGES_DEAD and limit.count_failure(delivery.body))
    if exhausted:
        await publish_dead_letter(hub.bus, delivery, describe_failure(error), limit.letter_id(delivery.token))
        limit.reset(delivery.body)  # only now: if the publish fails, the next failure publishes again
    return exhausted
