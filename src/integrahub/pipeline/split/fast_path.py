"""Fast path: apply and finish small batches, many in one transaction, without the upsert and finish steps.

A batch that the fast path cannot handle keeps its state and takes the normal path: its body cannot be read or does not
fit one chunk, PostgreSQL rejects one of its rows, or its claim is lost.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from time import perf_counter
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_all_finished, publish_next_work
from integrahub.db.batches import batch_log, fast_path, split_claims
from integrahub.db.batches.deactivation import DeactivationPolicy
from integrahub.db.batches.rows import SmallBatchClaim
from integrahub.db.batches.small_batch import FastPathResult, SmallBatch
from integrahub.db.database import Database
from integrahub.db.products.merge import MergeRules
from integrahub.domain.batches import INLINE_BODY_LIMIT, SMALL_FULL_LIMIT, BatchKind
from integrahub.domain.concurrency import (
    BYTES_PER_TRANSACTION,
    FULL_CONCURRENCY,
    FULLS_PER_TRANSACTION,
    MIN_FULLS_PER_TRANSACTION,
    SMALL_BATCHES_PER_TRANSACTION,
)
from integrahub.domain.errors import Transient
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.pipeline.split.small_bodies import SmallBodies
from integrahub.resilience.lease import Lease
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import CHUNK_DURATION, count_completed

_MEMORY = BatchLimits[SmallBatchClaim](SMALL_BATCHES_PER_TRANSACTION, BYTES_PER_TRANSACTION, lambda claim: claim.size)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FastPathWorker:
    """The worker that claims batches, and its limits."""

    id: UUID
    limits: SplitLimits


class FastPath:
    """Try to make a small batch final. Loads that arrive together share a transaction, and so do dry runs.

    With a `policy` the batches are FULLs, else DELTAs.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        bodies: SmallBodies,
        *,
        worker: FastPathWorker,
        rules: MergeRules,
        policy: DeactivationPolicy | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._bodies = bodies
        self._worker = worker
        self._rules = rules
        self._policy = policy
        # DELTAs one group at a time, so that the batches of a pharmacy keep their order. Groups of FULLs share no
        # pharmacy.
        most, groups = (FULLS_PER_TRANSACTION, FULL_CONCURRENCY) if policy else (SMALL_BATCHES_PER_TRANSACTION, 1)
        self._batcher = MicroBatcher[UUID, bool](self._run_group, BatchLimits(most), groups)

    async def __call__(self, batch_id: UUID) -> bool:
        """Return whether the batch is final now; if not, it must take the normal path."""
        return await self._batcher(batch_id)

    async def _claim(self, ids: list[UUID]) -> list[SmallBatchClaim]:
        worker_id = self._worker.id
        if self._policy:
            if len(ids) < MIN_FULLS_PER_TRANSACTION:
                return []
            window = self._policy.window_minutes
            return await fast_path.claim_fulls(self._database, ids, worker_id, SMALL_FULL_LIMIT, window)
        max_bytes = min(INLINE_BODY_LIMIT, self._worker.limits.max_record)
        return await fast_path.claim(self._database, ids, uuid4(), worker_id, max_bytes)

    async def _run_group(self, ids: list[UUID]) -> list[bool]:
        claims = await self._claim(ids)
        final = set[UUID]()
        if not claims:
            return [False] * len(ids)
        try:
            async with Lease(
                lambda: split_claims.renew_splits(self._database, claims),
                lambda: split_claims.uncount_crashes(self._database, claims),
            ):
                waiting = claims
                while waiting:
                    part, waiting = _MEMORY.split(waiting)
                    group = await self._bodies.read_all(part)
                    for kind in (BatchKind.LOAD, BatchKind.DRY_RUN):
                        final |= await self._apply_or_halve([batch for batch in group if batch.claim.kind is kind])
            return [batch_id in final for batch_id in ids]
        finally:
            # Also after an error: a claim that is kept blocks its pharmacy until the lease expires.
            for claim in claims:
                if claim.id not in final:
                    await split_claims.retry_split(self._database, claim, 0.0, used=0)

    async def _apply_or_halve(self, group: list[SmallBatch]) -> set[UUID]:
        """Return the batches that are final now. A group that fails is halved, so one bad batch excludes few others."""
        if not group:
            return set()
        try:
            await self._apply_together(group)
        except Transient as error:
            _log.warning(
                "fast path failed, falling back to the normal path",
                action="halve_group",
                of=len(group),
                error=str(error),
            )
            return set()
        except Exception as error:
            _log.warning("fast path failed, halving the group", action="halve_group", of=len(group), error=str(error))
            return await self._apply_halves(group)
        return {batch.claim.id for batch in group}

    async def _apply_halves(self, group: list[SmallBatch]) -> set[UUID]:
        half = len(group) // 2
        if not half:
            return set()
        # The other half may insert the pharmacy's first products.
        group = [replace(batch, claim=_with_products(batch.claim)) for batch in group]
        return await self._apply_or_halve(group[:half]) | await self._apply_or_halve(group[half:])

    async def _apply_together(self, group: list[SmallBatch]) -> None:
        started = perf_counter()
        with ExitStack() as spans:
            for batch in group:
                spans.enter_context(tracing.span("settle", batch.claim.id, batch=batch.claim.id))
            results, next_work = await fast_path.apply_and_finish(
                self._database, group, self._worker.id, self._rules, self._worker.limits.in_flight, self._policy
            )
        _count(group, results, perf_counter() - started)
        batch_log.log_fast_path(group, results, perf_counter() - started)
        due = [(result.batch_id, result.status) for result in results if result.has_deliveries]
        await publish_all_finished(self._bus, due)
        for work in next_work:
            await publish_next_work(self._bus, work)


def _with_products(claim: SmallBatchClaim) -> SmallBatchClaim:
    return msgspec.structs.replace(claim, has_products=True)


def _count(batches: list[SmallBatch], results: list[FastPathResult], seconds: float) -> None:
    for batch, result in zip(batches, results, strict=True):
        CHUNK_DURATION.observe(seconds / len(results))
        count_completed(result.counters, batch.claim.kind)
