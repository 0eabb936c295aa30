"""Fast path: apply and finish small DELTAs, many in one transaction, without the upsert and finish steps.

A batch that the fast path cannot handle keeps its state and takes the normal path: its body cannot be read, PostgreSQL
rejects one of its rows, or its claim is lost.
"""

from contextlib import ExitStack
from time import perf_counter
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_all_finished, publish_next_work
from integrahub.db.batches import batch_log, fast_path, split_claims
from integrahub.db.batches.fast_path import FastPathResult, SmallBatch
from integrahub.db.batches.rows import SmallBatchClaim
from integrahub.db.database import Database
from integrahub.db.products.merge import MergeRules
from integrahub.domain.batches import INLINE_BODY_LIMIT, BatchKind
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.index import SeenProducts
from integrahub.domain.concurrency import SMALL_BATCHES_PER_TRANSACTION
from integrahub.domain.errors import BodyError, Transient
from integrahub.domain.parsing.encodings import create_inflater
from integrahub.domain.parsing.kernel_reader import create_run_reader
from integrahub.domain.parsing.raw_records import CutRecords, OversizeRecord
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.resilience.lease import Lease
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import CHUNK_DURATION, count_completed

_log = structlog.get_logger()


class FastPath:
    """Try to make a small batch final. Loads that arrive together share a transaction, and so do dry runs."""

    def __init__(
        self, database: Database, bus: Bus, *, worker_id: UUID, limits: SplitLimits, rules: MergeRules
    ) -> None:
        self._database = database
        self._bus = bus
        self._worker_id = worker_id
        self._limits = limits
        self._rules = rules
        # One group at a time, so that the batches of a pharmacy keep their order.
        self._batcher = MicroBatcher[UUID, bool](self._run_group, BatchLimits(SMALL_BATCHES_PER_TRANSACTION))

    async def __call__(self, batch_id: UUID) -> bool:
        """Return whether the batch is final now; if not, it must take the normal path."""
        return await self._batcher(batch_id)

    async def _run_group(self, ids: list[UUID]) -> list[bool]:
        max_bytes = min(INLINE_BODY_LIMIT, self._limits.max_record)
        claims = await fast_path.claim(self._database, ids, uuid4(), self._worker_id, max_bytes)
        final = set[UUID]()
        if not claims:
            return [False] * len(ids)
        try:
            async with Lease(
                lambda: split_claims.renew_splits(self._database, claims),
                lambda: split_claims.uncount_crashes(self._database, claims),
            ):
                group = _exclude_unreadable(claims, [self._read_or_none(claim) for claim in claims])
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
        group = [SmallBatch(_with_products(batch.claim), batch.records) for batch in group]
        return await self._apply_or_halve(group[:half]) | await self._apply_or_halve(group[half:])

    def _read_or_none(self, claim: SmallBatchClaim) -> ChunkBuilder | None:
        """Return the records of a body if they fit one chunk and the body can be read."""
        try:
            return self._read(claim)
        except BodyError:
            return None
        except Exception as error:  # one body must not fail the group; the normal path reports what is wrong
            _log.warning("small body not readable", action="read_small", batch=str(claim.id), exc_info=error)
            return None

    def _read(self, claim: SmallBatchClaim) -> ChunkBuilder | None:
        inflater = create_inflater(claim.encoding)
        content = b"".join(inflater.feed(claim.body))
        inflater.close()
        chunk, dialect, max_record = ChunkBuilder(), self._rules.decoder.dialect, self._limits.max_record
        seed = dialect.derive_seed(claim.load_type, claim.time_zone)
        cutter = dialect.kernel.create_cutter(seed, max_record) if dialect.kernel else None
        reader = create_run_reader(claim.media_type, max_record, cutter)
        for run in [*reader.read(content), *reader.end()]:
            if isinstance(run, CutRecords):
                chunk.extend_cut(len(chunk.ids), run)
                continue
            records = [record for record in run.records if not isinstance(record, OversizeRecord)]
            if len(records) < len(run.records):
                return None
            if records:
                ids, texts, hashes = dialect.identify_and_hash(records, seed)
                chunk.extend(len(chunk.ids), run.offsets, texts, ids, hashes)
        if not 0 < len(chunk.ids) <= self._limits.chunk_size:
            return None
        SeenProducts().add_chunk(chunk)
        return chunk

    async def _apply_together(self, group: list[SmallBatch]) -> None:
        started = perf_counter()
        with ExitStack() as spans:
            for batch in group:
                spans.enter_context(tracing.span("settle", batch.claim.id, batch=batch.claim.id))
            results, next_work = await fast_path.apply_and_finish(
                self._database, group, self._worker_id, self._rules, self._limits.in_flight
            )
        _count(group, results, perf_counter() - started)
        batch_log.log_fast_path(group, results, perf_counter() - started)
        due = [(result.batch_id, result.status) for result in results if result.has_deliveries]
        await publish_all_finished(self._bus, due)
        for work in next_work:
            await publish_next_work(self._bus, work)


def _with_products(claim: SmallBatchClaim) -> SmallBatchClaim:
    return msgspec.structs.replace(claim, has_products=True)


def _exclude_unreadable(claims: list[SmallBatchClaim], chunks: list[ChunkBuilder | None]) -> list[SmallBatch]:
    """Return the batches of pharmacies all of whose bodies can be read, so that no batch overtakes an earlier one."""
    pairs = list(zip(claims, chunks, strict=True))
    excluded = {claim.pharmacy_id for claim, chunk in pairs if chunk is None}
    return [SmallBatch(claim, chunk) for claim, chunk in pairs if chunk and claim.pharmacy_id not in excluded]


def _count(batches: list[SmallBatch], results: list[FastPathResult], seconds: float) -> None:
    for batch, result in zip(batches, results, strict=True):
        CHUNK_DURATION.observe(seconds / len(results))
        count_completed(result.counters, batch.claim.kind)
