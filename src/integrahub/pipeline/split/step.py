"""Split: a body is read once as a stream, cut into chunks, and proven whole before anything of it may be applied."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_finished, publish_turn
from integrahub.db.batches import batch_log
from integrahub.db.batches import split_claims as batches
from integrahub.db.database import Database
from integrahub.domain.batches import BatchStatus
from integrahub.domain.dialects.decode import ChunkDecoder
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
from integrahub.storage.bodies import decoded
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import ERRORS, count_completed

_MAX_SPLITS = 4  # bodies being cut
_log = structlog.get_logger()


class Split:
    """Cut a body into chunks. Safe to repeat: nothing counts until the one transaction that ends it."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        bus: Bus,
        *,
        worker_id: UUID,
        limits: SplitLimits,
        decoder: ChunkDecoder,
        retries: RetryPolicy,
        step_breaker: StepBreaker,
    ) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus
        self._worker_id = worker_id
        self._limits = limits
        self._dialect = decoder.dialect
        self._retries = retries
        self._step_breaker = step_breaker
        self._fast_path = FastPath(database, bus, worker_id=worker_id, limits=limits, decoder=decoder)
        self._slots = asyncio.Semaphore(_MAX_SPLITS)
        self._alone = asyncio.Lock()

    async def __call__(self, message: bytes) -> None:
        """Split the batch a `batches.received` names, unless it is done or in other hands."""
        event = msgspec.json.decode(message, type=BatchReceived)
        if event.load_type == "delta" and await self._fast_path(event.batch_id):
            self._step_breaker.record_success()
            return
        async with self._slots:
            is_taken = await self._claim_and_split(event)
        if not is_taken and await batches.is_suspected_of_crash(self._database, event.batch_id):
            async with self._split_alone():
                await self._claim_and_split(event, alone=True)

    async def _claim_and_split(self, event: BatchReceived, *, alone: bool = False) -> bool:
        """Whether the batch was ours to split."""
        claim = await batches.claim_split(self._database, event.batch_id, uuid4(), self._worker_id, alone=alone)
        if claim is not None:
            with tracing.bind_trace(claim["id"], batch=claim["id"], cnpj=event.cnpj, step="split"):
                await self._run(claim)
        return claim is not None

    @asynccontextmanager
    async def _split_alone(self) -> AsyncIterator[None]:
        """Nothing else is cut in this process meanwhile, so that a crash is of what is cut."""
        async with self._alone, AsyncExitStack() as held:
            for _ in range(_MAX_SPLITS):
                await held.enter_async_context(self._slots)
            yield

    async def _run(self, claim: dict[str, Any]) -> None:
        if claim["crashes"] >= self._retries.crashes:
            _log.error("a body crashes whoever splits it", action="fail_crashing", crashes=claim["crashes"])
            await self._fail(claim, BodyError("worker_crashed", 0, crashes=claim["crashes"]))
            return
        try:
            with tracing.span("split", claim["id"], batch=claim["id"]):
                async with Lease(lambda: batches.renew_splits(self._database, [claim])):
                    await self._split(claim)
            self._step_breaker.record_success()
        except BodyError as fault:
            await self._fail(claim, fault)
        except ObjectMissing:
            missing = BodyError("body_missing", 0)
            await self._fail(claim, missing)
        except Exception as error:
            await self._retry_or_fail(claim, error)

    async def _fail(self, claim: dict[str, Any], fault: BodyError) -> None:
        ERRORS.add("split", fault.code)
        turn = await batches.fail(self._database, claim, fault, self._limits.window)
        if turn:
            batch_log.log_failed(claim, fault)
            await publish_finished(self._bus, claim["id"], BatchStatus.FAILED)
            await publish_turn(self._bus, turn)

    async def _retry_or_fail(self, claim: dict[str, Any], error: Exception) -> None:
        own_fault = not isinstance(error, Transient)
        if own_fault and self._step_breaker.record_failure(describe_failure(error).fingerprint, claim["pharmacy_id"]):
            _log.error(
                "batch after batch fails for one cause; splitting pauses", action="open_step_breaker", cause=str(error)
            )
        ERRORS.add("split", classify_error(error))
        delay = self._retries.decide(claim["attempts"] + 1) if own_fault else 2.0
        if delay is None:
            await self._fail(claim, BodyError("split_failed", 0, reason=type(error).__name__))
            return
        _log.warning("a split failed and will be tried again", action="retry_split", exc_info=error)
        await batches.retry_split(self._database, claim, delay, used=int(own_fault))

    async def _split(self, claim: dict[str, Any]) -> None:
        body = None if claim["body"] is None else bytes(claim["body"])
        unchanged_filter = (
            UnchangedFilter[ChunkPlan](self._database, claim["pharmacy_id"]) if _is_filtered(claim) else None
        )
        blocks = partial(decoded, self._storage, claim, body)
        chunker = Chunker(claim, self._limits, self._storage, blocks, unchanged_filter, self._dialect)
        try:
            await chunker.run()
            turn = await batches.end_split(
                self._database, claim, chunker.rows(), chunker.items, chunker.unreadable, self._limits.window
            )
        finally:
            chunker.close()
            if unchanged_filter:
                await unchanged_filter.close()
        if turn:
            _count_settled(chunker.chunks)
            await publish_turn(self._bus, turn)


def _is_filtered(claim: dict[str, Any]) -> bool:
    """A DELTA is sent because something changed; a FULL mostly repeats what is known."""
    return bool(
        claim["kind"] == "load" and claim["load_type"] == "full" and claim["has_products"] and claim["has_turn"]
    )


def _count_settled(chunks: list[ChunkPlan]) -> None:
    for chunk in chunks:
        if chunk.is_settled:
            count_completed(ChunkCounters(unchanged=chunk.unchanged, merged=chunk.merged))
