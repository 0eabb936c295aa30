"""Notify step: claim the webhooks that are due, render each body once, send it, record the outcome."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import random
from time import time
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.db.database import Database
from integrahub.db.webhooks import claims
from integrahub.db.webhooks.claim_rows import ClaimedDelivery
from integrahub.domain.errors import ConfigurationError, Transient
from integrahub.domain.events import BatchFinished
from integrahub.domain.webhooks.outcomes import Outcome
from integrahub.domain.webhooks.schedule import next_delay
from integrahub.domain.webhooks.signature import webhook_headers
from integrahub.domain.webhooks.states import DeliveryState
from integrahub.pipeline.notify.bodies import Event, render
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.telemetry.metrics.webhooks import count_attempt, count_delivery

if TYPE_CHECKING:
    from integrahub.pipeline.notify.sender import WebhookSender

MAX_IN_FLIGHT = 256  # attempts of one worker at the same time
_SUCCESSES_PER_TRANSACTION = 64
_USER_AGENT = "IntegraHub-Webhooks"
_RESULTS = {DeliveryState.PENDING: "retried", DeliveryState.FAILED: "failed", DeliveryState.HELD: "held"}
_log = structlog.get_logger()
#: Decrypt a secret that was sealed when its endpoint was stored.
Unseal = Callable[[bytes], bytes]


class Notify:
    """Send webhooks, each at least once, under one id and with the same bytes in every attempt.

    A delivery belongs to the worker that claimed it until its lease expires; so a worker that is killed loses none.
    Without `public_url` nothing is sent: a body would be kept with links that lead nowhere.
    """

    def __init__(
        self, database: Database, sender: "WebhookSender", unseal: Unseal, *, worker_id: UUID, public_url: str | None
    ) -> None:
        self._database = database
        self._sender = sender
        self._unseal = unseal
        self._worker_id = worker_id
        self._public_url = public_url
        if public_url is None:
            _log.warning("no webhook is sent: INTEGRAHUB_PUBLIC_URL is not set", action="notify")
        self._running: set[asyncio.Task[None]] = set()
        # Attempts that end together share a transaction.
        self._successes = MicroBatcher[tuple[ClaimedDelivery, Outcome], bool](
            self._record_successes, BatchLimits(_SUCCESSES_PER_TRANSACTION)
        )
        self._wake = asyncio.Event()

    async def __call__(self, message: bytes) -> None:
        """Look for due webhooks soon: a `batches.finished` event says that there are some."""
        msgspec.json.decode(message, type=BatchFinished)
        self._wake.set()

    async def wait_until_due(self, seconds: float) -> None:
        """Wait for an event, for the end of an attempt, or for the given time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    async def start_due(self) -> int:
        """Claim due deliveries and start to send them; return how many."""
        free = MAX_IN_FLIGHT - len(self._running)
        if free <= 0 or self._public_url is None:
            return 0
        claimed = await claims.claim_due(self._database, uuid4(), self._worker_id, free)
        new = {delivery.id: self._render(delivery) for delivery in claimed if delivery.body is None}
        rendered = [(delivery, body) for delivery in claimed if (body := new.get(delivery.id))]
        kept = await claims.keep_bodies(self._database, rendered) if rendered else set()
        for delivery in claimed:
            body = delivery.body or new[delivery.id]
            if delivery.body or body is None or delivery.id in kept:  # else another worker has claimed it since
                task = asyncio.create_task(self._deliver(delivery, body))
                self._running.add(task)
                task.add_done_callback(self._end)
        return len(claimed)

    async def finish(self) -> None:
        """Wait for the attempts in flight."""
        if self._running:
            await asyncio.wait(self._running)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    def _render(self, delivery: ClaimedDelivery) -> str | None:
        """Return the body, or None if it cannot be rendered: that must not stop the deliveries claimed with it."""
        event = Event(delivery.event, delivery.occurred_at, delivery.batch_id, delivery.facts)
        try:
            return render(event, self._public_url or "").decode()
        except Exception as error:
            _log.error("webhook cannot be rendered", action="notify", delivery=str(delivery.id), exc_info=error)
            return None

    async def _deliver(self, delivery: ClaimedDelivery, body: str | None) -> None:
        """Make one attempt and record it. An error of the database leaves the delivery to the end of its lease."""
        try:
            outcome = await self._attempt(delivery, body.encode()) if body else Outcome(0, error="body_unrenderable")
            count_attempt(outcome.error, outcome.milliseconds)
            await self._record(delivery, outcome)
        except Transient as error:
            _log.warning("webhook attempt not recorded, it will be repeated", action="notify", error=str(error))
        except Exception as error:
            _log.error("webhook failed with an unexpected error", action="notify", exc_info=error)

    async def _attempt(self, delivery: ClaimedDelivery, body: bytes) -> Outcome:
        sealed = [secret for secret in (delivery.sealed_secret, delivery.old_sealed_secret) if secret]
        try:
            secrets = [self._unseal(secret) for secret in sealed]
        except ConfigurationError as error:
            _log.error("webhook secret cannot be decrypted", action="notify", error=str(error))
            return Outcome(0, error="secret_unreadable")
        headers = {"Content-Type": "application/json", "User-Agent": _USER_AGENT}
        headers |= webhook_headers(secrets, str(delivery.id), int(time()), body)
        return await self._sender.send(delivery.url, headers, body)

    async def _record(self, delivery: ClaimedDelivery, outcome: Outcome) -> None:
        if outcome.error is None:
            if await self._successes((delivery, outcome)):
                count_delivery("delivered")
                _log.info("webhook delivered", action="notify", **_fields_of(delivery, outcome))
            return
        delay = next_delay(delivery.attempts + 1, outcome, random())
        failed = await claims.record_failure(self._database, delivery, outcome, delay)
        if failed is None:
            return
        count_delivery(_RESULTS[failed.state])
        fields = _fields_of(delivery, outcome) | {"retry_in": delay, "state": str(failed.state)}
        _log.warning("webhook attempt failed", action="notify", **fields)
        if failed.has_disabled:
            _log.warning("webhook endpoint disabled", action="disable_webhook", endpoint=str(failed.endpoint_id))

    async def _record_successes(self, accepted: list[tuple[ClaimedDelivery, Outcome]]) -> list[bool]:
        recorded = await claims.record_successes(self._database, accepted)
        return [delivery.id in recorded for delivery, _ in accepted]


def _fields_of(delivery: ClaimedDelivery, outcome: Outcome) -> dict[str, object]:
    """Return what the log says of an attempt; the URL may contain secrets."""
    fields = {
        "delivery": str(delivery.id),
        "webhook": str(delivery.event),
        "endpoint": str(delivery.endpoint_id),
        "attempt": delivery.attempts + 1,
        "status": outcome.status,
        "error": outcome.error,
        "milliseconds": outcome.milliseconds,
    }
    return {name: value for name, value in fields.items() if value is not None}
