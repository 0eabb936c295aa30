"""Split step: read a body once as a stream, cut it into chunks, and commit all of them together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_next_work
from integrahub.db.batches import split_claims
from integrahub.db.batches.rows import SplitClaim
from integrahub.db.batches.split_claims import SplitResult
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind
from integrahub.domain.errors import BodyError
from integrahub.domain.events import BatchReceived
from integrahub.domain.products import ChunkCounters
from integrahub.pipeline.split.attempts import SplitAttempts
from integrahub.pipeline.split.body_splitter import BodySplitter
from integrahub.pipeline.split.fast_path import FastPath
from integrahub.pipeline.split.staged_chunks import ChunkPlan
from integrahub.resilience.lease import Lease
from integrahub.storage.base import ObjectMissing
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import count_completed

_MAX_SPLITS = 4  # concurrent splits of this worker
_log = structlog.get_logger()


class Split:
    """Split a body into chunks. A split can be repeated: only the transaction at its end has an effect."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        splitter: BodySplitter,
        fast_paths: Mapping[str, FastPath],
        attempts: SplitAttempts,
        *,
        worker_id: UUID,
    ) -> None:
        self._database = database
        self._bus = bus
        self._splitter = splitter
        self._fast_paths = fast_paths  # by load type
        self._attempts = attempts
        self._worker_id = worker_id
        self._slots = asyncio.Semaphore(_MAX_SPLITS)
        self._all_slots_lock = asyncio.Lock()  # two tasks that each hold some slots would wait for each other

    async def __call__(self, message: bytes) -> None:
        """Split the batch of a `batches.received` event, unless it is split already or another worker holds it."""
        event = msgspec.json.decode(message, type=BatchReceived)
        fast_path = self._fast_paths.get(event.load_type)
        if fast_path and await fast_path(event.batch_id):
            self._attempts.record_success()
            return
        async with self._slots:
            is_claimed = await self._claim_and_split(event)
        if not is_claimed and await split_claims.is_suspected_of_crash(self._database, event.batch_id):
            async with self._all_slots():
                await self._claim_and_split(event, alone=True)

    async def _claim_and_split(self, event: BatchReceived, *, alone: bool = False) -> bool:
        """Return whether this worker got the claim."""
        claim = await split_claims.claim_split(self._database, event.batch_id, uuid4(), self._worker_id, alone=alone)
        if claim is None:
            return False
        with tracing.bind_trace(claim.id, batch=claim.id, cnpj=event.cnpj, step="split"):
            if self._attempts.has_crashed_too_often(claim):
                _log.error(
                    "body crashed too many workers, failing the batch", action="fail_crashing", crashes=claim.crashes
                )
                await self._attempts.fail(claim, BodyError("worker_crashed", 0, crashes=claim.crashes))
            else:
                await self._attempt(claim)
        return True

    @asynccontextmanager
    async def _all_slots(self) -> AsyncIterator[None]:
        """Wait for all other splits of this worker, and start none while the block runs."""
        async with self._all_slots_lock, AsyncExitStack() as held:
            for _ in range(_MAX_SPLITS):
                await held.enter_async_context(self._slots)
            yield

    async def _attempt(self, claim: SplitClaim) -> None:
        try:
            with tracing.span("split", claim.id, batch=claim.id):
                async with Lease(
                    lambda: split_claims.renew_splits(self._database, [claim]),
                    lambda: split_claims.uncount_crashes(self._database, [claim]),
                ):
                    await self._split(claim)
            self._attempts.record_success()
        except BodyError as error:
            await self._attempts.fail(claim, error)
        except ObjectMissing:
            await self._attempts.fail(claim, BodyError("body_missing", 0))
        except Exception as error:
            await self._attempts.record_failure(claim, error)

    async def _split(self, claim: SplitClaim) -> None:
        async with self._splitter.split(claim) as chunker:
            result = SplitResult(chunker.staged, chunker.items, chunker.unreadable)
            work = await split_claims.end_split(self._database, claim, result, self._splitter.limits.in_flight)
        if work:
            _count_settled(chunker.staged.plans, claim.kind)
            await publish_next_work(self._bus, work)


def _count_settled(plans: list[ChunkPlan], kind: BatchKind) -> None:
    for plan in plans:
        if plan.is_settled:
            count_completed(ChunkCounters(unchanged=plan.unchanged, merged=plan.merged), kind)
