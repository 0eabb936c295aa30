"""Upsert step: claim chunks, read their records, apply them to the products, publish what follows."""

import asyncio
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from time import perf_counter
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_ready, publish_upserted
from integrahub.db.chunks import claims as chunk_claims
from integrahub.db.chunks.apply import ApplyResult, LoadedChunk, apply_chunks
from integrahub.db.chunks.claims import ChunkKey
from integrahub.db.chunks.rows import ChunkClaim
from integrahub.db.database import Database
from integrahub.db.products.bisect import write_bisecting
from integrahub.db.products.merge import MergeRules
from integrahub.domain.chunks.formats import Chunk
from integrahub.domain.concurrency import (
    BYTES_PER_TRANSACTION,
    CHUNKS_PER_TRANSACTION,
    UPSERT_CONCURRENCY,
    InFlightLimit,
)
from integrahub.domain.errors import InvalidData, StatementTimeout, Transient
from integrahub.domain.events import ChunkReady
from integrahub.pipeline.upsert.attempts import ChunkAttempts
from integrahub.pipeline.upsert.change_forecast import ChangeForecast
from integrahub.pipeline.upsert.later_writes import LaterWritesReader
from integrahub.resilience.lease import Lease
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.storage.base import Storage
from integrahub.storage.chunks import read_chunk, read_chunks
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import CHUNK_DURATION, CHUNK_RETRIES, count_completed

_OLD_OBJECT_BYTES = 1 << 20  # assumed of an object whose row does not hold its size
_MEMORY = BatchLimits[ChunkClaim](
    CHUNKS_PER_TRANSACTION, BYTES_PER_TRANSACTION, lambda claim: claim.body_bytes or _OLD_OBJECT_BYTES
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class UpsertWorker:
    """The worker that claims chunks, and the limit of chunks in flight per batch."""

    id: UUID
    in_flight: InFlightLimit


class Upsert:
    """Applies chunks. A message may come twice: a chunk is applied once, under its claim."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        bus: Bus,
        rules: MergeRules,
        attempts: ChunkAttempts,
        worker: UpsertWorker,
    ) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus
        self._rules = rules
        self._attempts = attempts
        self._worker = worker
        self._later_writes = LaterWritesReader(database, storage, rules.decoder)
        self._forecast = ChangeForecast()
        self._crashed_chunks = asyncio.Lock()
        self._batcher = MicroBatcher[ChunkReady, None](
            self._handle, BatchLimits(CHUNKS_PER_TRANSACTION), UPSERT_CONCURRENCY
        )

    async def __call__(self, message: bytes) -> None:
        """Apply the chunk named by a `chunks.ready` message, unless it is settled or another worker holds it."""
        await self._batcher(msgspec.json.decode(message, type=ChunkReady))

    async def _handle(self, events: list[ChunkReady]) -> None:
        keys = [(event.batch_id, event.chunk_index) for event in events]
        claims = await self._claim(keys)
        await self._apply_claimed(claims)
        if len(claims) < len(keys):
            await self._apply_crashed(keys)

    async def _claim(self, keys: list[ChunkKey], *, crashed: bool = False) -> list[ChunkClaim]:
        return await chunk_claims.claim(self._database, keys, uuid4(), self._worker.id, crashed=crashed)

    async def _apply_crashed(self, keys: list[ChunkKey]) -> None:
        """Apply chunks that crashed a worker one at a time, so that another crash is counted for the right chunk."""
        async with self._crashed_chunks:
            for _ in keys:
                claims = await self._claim(keys, crashed=True)
                if not claims:
                    return
                await self._apply_claimed(claims)

    async def _apply_claimed(self, claims: list[ChunkClaim]) -> None:
        """Apply claimed chunks, in one transaction where they may share it."""
        if not claims:
            return
        group = [claim for claim in claims if claim.may_share_transaction]
        group = group if len(group) > 1 else []
        try:
            async with Lease(
                lambda: chunk_claims.renew(self._database, claims),
                lambda: chunk_claims.uncount_crashes(self._database, claims),
            ):
                separate = await self._apply_together(group)
                for claim in [*separate, *(claim for claim in claims if claim not in group)]:
                    await self._apply_separately(claim)
        except Transient as error:
            await self._attempts.release(claims, error)

    async def _apply_together(self, claims: list[ChunkClaim]) -> list[ChunkClaim]:
        """Apply chunks in as few transactions as memory allows. Return those whose transaction failed."""
        waiting, failed = claims, list[ChunkClaim]()
        while waiting:
            group, waiting = _MEMORY.split(waiting)
            failed += await self._apply_group(group)
        return failed

    async def _apply_group(self, claims: list[ChunkClaim]) -> list[ChunkClaim]:
        """Apply chunks in one transaction. Return all of them if it failed, also because it took too long."""
        started = perf_counter()
        try:
            with ExitStack() as spans:
                for claim in claims:
                    spans.enter_context(_span(claim))
                chunks = await read_chunks(self._storage, claims)
                loaded = [await self._load(claim, chunk) for claim, chunk in zip(claims, chunks, strict=True)]
                await self._publish(await apply_chunks(self._database, loaded, self._rules, self._worker.in_flight))
        except Exception as error:
            if isinstance(error, Transient) and not isinstance(error, StatementTimeout):
                raise
            _log.warning(
                "transaction of several chunks failed, applying them one by one",
                action="apply_separately",
                error=str(error),
            )
            return claims
        self._attempts.record_success()
        for _ in claims:
            CHUNK_DURATION.observe((perf_counter() - started) / len(claims))
        return []

    async def _apply_separately(self, claim: ChunkClaim) -> None:
        """Apply one chunk, and retry or dead-letter it if it fails by its own fault."""
        fields = {"batch": claim.batch_id, "chunk": claim.number, "cnpj": claim.cnpj}
        with tracing.bind_trace(claim.batch_id, step="upsert", **fields):
            try:
                with _span(claim):
                    await self._apply_one(claim)
                self._attempts.record_success()
            except StatementTimeout as error:  # the other chunks go on
                await self._attempts.release([claim], error)
            except Transient:
                raise
            except Exception as error:
                await self._attempts.record_failure(claim, error)

    async def _apply_one(self, claim: ChunkClaim) -> None:
        started = perf_counter()
        chunk = await self._load(claim, await read_chunk(self._storage, claim))
        try:
            result = await apply_chunks(self._database, [chunk], self._rules, self._worker.in_flight)
        except InvalidData as error:
            _log.warning("row rejected by PostgreSQL, bisecting the chunk", action="bisect_rows", error=str(error))
            # The refused row may be a product that another chunk inserted after this claim.
            claim = msgspec.structs.replace(claim, has_products=True)
            chunk = msgspec.structs.replace(chunk, claim=claim)
            result = await apply_chunks(
                self._database, [chunk], self._rules, self._worker.in_flight, write_rows=write_bisecting
            )
        await self._publish(result)
        CHUNK_DURATION.observe(perf_counter() - started)

    async def _load(self, claim: ChunkClaim, records: Chunk) -> LoadedChunk:
        """Add to the records of a chunk, for a replay, what later batches wrote."""
        is_merged = claim.is_replay and not claim.rejection
        later = await self._later_writes.read(claim) if is_merged else None
        return LoadedChunk(claim, records, later, is_probed=not self._forecast.expects_updates(claim.batch_id))

    async def _publish(self, result: ApplyResult) -> None:
        """Count applied chunks; publish the chunks that are ready now and the batches without open chunks."""
        self._forecast.record(result.applied)
        for chunk in result.applied:
            count_completed(chunk.counters, chunk.claim.kind)
            if chunk.claim.attempts:
                CHUNK_RETRIES.add("succeeded")
        await publish_ready(self._bus, result.ready)
        for batch_id in result.upserted:
            await publish_upserted(self._bus, batch_id)


def _span(claim: ChunkClaim) -> AbstractContextManager[None]:
    return tracing.span("upsert", claim.batch_id, batch=claim.batch_id, chunk=claim.number)
