"""Outcome of attempts to split a body: retry the split with backoff, or fail the batch."""

import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_finished, publish_next_work
from integrahub.db.batches import batch_log, split_claims
from integrahub.db.batches.rows import SplitClaim
from integrahub.db.database import Database
from integrahub.domain.batches import BatchStatus
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import BodyError, Transient
from integrahub.domain.failures import classify_error, describe_failure
from integrahub.resilience.retry_policy import RetryPolicy
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.storage.base import ObjectDamaged
from integrahub.telemetry.metrics.pipeline import ERRORS

_TRANSIENT_DELAY_SECONDS = 2.0  # until a split is retried whose dependency was unavailable
_log = structlog.get_logger()


class SplitAttempts:
    """Record successes and failures of splits for the retry policy and the circuit breaker of the step."""

    def __init__(
        self, database: Database, bus: Bus, retries: RetryPolicy, step_breaker: StepBreaker, in_flight: InFlightLimit
    ) -> None:
        self._database = database
        self._bus = bus
        self._retries = retries
        self._step_breaker = step_breaker
        self._in_flight = in_flight

    def has_crashed_too_often(self, claim: SplitClaim) -> bool:
        """Return True if the body crashed enough workers that its batch must fail."""
        return claim.crashes >= self._retries.crashes

    def record_success(self) -> None:
        """Report a split batch to the circuit breaker of the step."""
        self._step_breaker.record_success()

    async def fail(self, claim: SplitClaim, error: BodyError) -> None:
        """Make the batch FAILED and publish that."""
        ERRORS.add("split", error.code)
        failed = await split_claims.fail(self._database, claim, error, self._in_flight)
        if failed:
            batch_log.log_failed(claim, error)
            if failed.has_deliveries:
                await publish_finished(self._bus, claim.id, BatchStatus.FAILED)
            await publish_next_work(self._bus, failed.next_work)

    async def record_failure(self, claim: SplitClaim, error: Exception) -> None:
        """Schedule the next attempt of a split. Fail the batch after the last attempt that failed by its own fault."""
        is_own_fault = not isinstance(error, Transient)
        if is_own_fault and self._step_breaker.record_failure(describe_failure(error).fingerprint, claim.pharmacy_id):
            _log.error(
                "splits of several pharmacies failed for one cause, pausing the split step",
                action="open_step_breaker",
                cause=str(error),
            )
        ERRORS.add("split", classify_error(error))
        delay = self._retries.decide(claim.attempts + 1) if is_own_fault else _TRANSIENT_DELAY_SECONDS
        if delay is None:
            code = "body_damaged" if isinstance(error, ObjectDamaged) else "split_failed"
            await self.fail(claim, BodyError(code, 0, reason=type(error).__name__))
            return
        _log.warning("split failed, retrying later", action="retry_split", exc_info=error)
        await split_claims.retry_split(self._database, claim, delay, used=int(is_own_fault))
