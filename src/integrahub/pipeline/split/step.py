"""Split step: read a body once as a stream, cut it into chunks, and commit all of them together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_finished, publish_next_work
from integrahub.db.batches import batch_log
from integrahub.db.batches import split_claims as batches
from integrahub.db.batches.rows import SplitClaim
from integrahub.db.batches.split_claims import SplitResult
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind, BatchStatus, LoadType
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.domain.errors import BodyError, Transient
from integrahub.domain.events import BatchReceived
from integrahub.domain.failures import classify_error, describe_failure
from integrahub.domain.products import ChunkCounters
from integrahub.pipeline.split.chunker import Chunker, SplitLimits
from integrahub.pipeline.split.fast_path import FastPath
from integrahub.pipeline.split.staged_chunks import ChunkPlan
from integrahub.pipeline.split.unchanged_filter import UnchangedFilter
from integrahub.resilience.lease import Lease
from integrahub.resilience.retry_policy import RetryPolicy
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.storage.base import ObjectMissing, Storage
from integrahub.storage.bodies import StoredBody, decode_body
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import ERRORS, count_completed

_MAX_SPLITS = 4  # concurrent splits of this worker
_TRANSIENT_DELAY_SECONDS = 2.0  # until a split is retried that failed because of a dependency
_log = structlog.get_logger()


class Split:
    """Split a body into chunks. A split can be repeated: only the transaction at its end has an effect."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        bus: Bus,
        *,
        worker_id: UUID,
        limits: SplitLimits,
        dialect: RecordIdentifier,
        retries: RetryPolicy,
        step_breaker: StepBreaker,
        fast_path: FastPath,
    ) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus
        self._worker_id = worker_id
        self._limits = limits
        self._dialect = dialect
        self._retries = retries
        self._step_breaker = step_breaker
        self._fast_path = fast_path
        self._slots = asyncio.Semaphore(_MAX_SPLITS)
        self._alone = asyncio.Lock()

    async def __call__(self, message: bytes) -> None:
        """Split the batch of a `batches.received` event, unless it is split already or another worker holds it."""
        event = msgspec.json.decode(message, type=BatchReceived)
        if event.load_type == LoadType.DELTA and await self._fast_path(event.batch_id):
            self._step_breaker.record_success()
            return
        async with self._slots:
            is_claimed = await self._claim_and_split(event)
        if not is_claimed and await batches.is_suspected_of_crash(self._database, event.batch_id):
            async with self._all_slots():
                await self._claim_and_split(event, alone=True)

    async def _claim_and_split(self, event: BatchReceived, *, alone: bool = False) -> bool:
        """Return whether this worker got the claim."""
        claim = await batches.claim_split(self._database, event.batch_id, uuid4(), self._worker_id, alone=alone)
        if claim is None:
            return False
        with tracing.bind_trace(claim.id, batch=claim.id, cnpj=event.cnpj, step="split"):
            if claim.crashes >= self._retries.crashes:
                _log.error("body crashed too many workers, failing the batch", action="fail_crashing")
                await self._fail(claim, BodyError("worker_crashed", 0, crashes=claim.crashes))
            else:
                await self._split_or_handle(claim)
        return True

    @asynccontextmanager
    async def _all_slots(self) -> AsyncIterator[None]:
        """Wait for all other splits of this worker, and start none while the block runs."""
        async with self._alone, AsyncExitStack() as held:
            for _ in range(_MAX_SPLITS):
                await held.enter_async_context(self._slots)
            yield

    async def _split_or_handle(self, claim: SplitClaim) -> None:
        try:
            with tracing.span("split", claim.id, batch=claim.id):
                async with Lease(lambda: batches.renew_splits(self._database, [claim])):
                    await self._split(claim)
            self._step_breaker.record_success()
        except BodyError as error:
            await self._fail(claim, error)
        except ObjectMissing:
            await self._fail(claim, BodyError("body_missing", 0))
        except Exception as error:
            await self._retry_or_fail(claim, error)

    async def _split(self, claim: SplitClaim) -> None:
        body = StoredBody(claim.location, claim.body, claim.media_type, claim.encoding)
        async with AsyncExitStack() as resources:
            unchanged_filter = UnchangedFilter[ChunkPlan](self._database, claim.pharmacy_id)
            resources.push_async_callback(unchanged_filter.close)
            chunker = Chunker(
                claim,
                self._limits,
                self._storage,
                partial(decode_body, self._storage, body),
                unchanged_filter if _is_compared(claim) else None,
                self._dialect,
            )
            resources.callback(chunker.close)
            await chunker.run()
            result = SplitResult(chunker.staged, chunker.items, chunker.unreadable)
            work = await batches.end_split(self._database, claim, result, self._limits.in_flight)
        if work:
            _count_settled(chunker.staged.plans)
            await publish_next_work(self._bus, work)

    async def _fail(self, claim: SplitClaim, error: BodyError) -> None:
        ERRORS.add("split", error.code)
        work = await batches.fail(self._database, claim, error, self._limits.in_flight)
        if work:
            batch_log.log_failed(claim, error)
            await publish_finished(self._bus, claim.id, BatchStatus.FAILED)
            await publish_next_work(self._bus, work)

    async def _retry_or_fail(self, claim: SplitClaim, error: Exception) -> None:
        is_own_fault = not isinstance(error, Transient)
        if is_own_fault and self._step_breaker.record_failure(describe_failure(error).fingerprint, claim.pharmacy_id):
            _log.error(
                "splits fail with the same cause, pausing the step", action="open_step_breaker", cause=str(error)
            )
        ERRORS.add("split", classify_error(error))
        delay = self._retries.decide(claim.attempts + 1) if is_own_fault else _TRANSIENT_DELAY_SECONDS
        if delay is None:
            await self._fail(claim, BodyError("split_failed", 0, reason=type(error).__name__))
            return
        _log.warning("split failed, retrying later", action="retry_split", exc_info=error)
        await batches.retry_split(self._database, claim, delay, used=int(is_own_fault))


def _is_compared(claim: SplitClaim) -> bool:
    """Return whether records are compared with the table: most of a FULL equals it, a DELTA holds only changes."""
    is_full = claim.kind is BatchKind.LOAD and claim.load_type is LoadType.FULL
    return is_full and claim.has_products and claim.has_turn


def _count_settled(plans: list[ChunkPlan]) -> None:
    for plan in plans:
        if plan.is_settled:
            count_completed(ChunkCounters(unchanged=plan.unchanged, merged=plan.merged))
