"""Upsert: a chunk's records become product rows, its effect, counters and status in one transaction."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_failed, publish_ready, publish_upserted
from integrahub.db.chunks import claims as chunks
from integrahub.db.chunks.reject import reject_all
from integrahub.db.database import Connection, Database
from integrahub.db.products.bisect import WriteRows, write_all, write_bisecting
from integrahub.db.products.merge import ChunkToApply, merge_chunks
from integrahub.db.products.replay_merge import merge_replay
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, UPSERT_CONCURRENCY, InFlightLimit
from integrahub.domain.dialects.decode import ChunkDecoder
from integrahub.domain.errors import InvalidData, Transient
from integrahub.domain.events import ChunkReady
from integrahub.domain.failures import cause_of, failure_of
from integrahub.domain.replays import KINDS
from integrahub.pipeline.upsert.later_writes import LaterWritesReader
from integrahub.resilience.lease import Lease
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.resilience.retry_policy import RetryPolicy
from integrahub.resilience.step_breaker import StepBreaker
from integrahub.storage.base import Storage
from integrahub.storage.chunks import copy_dead, read_chunk
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import (
    CHUNK_DURATION,
    CHUNK_RETRIES,
    CHUNKS_PROCESSED,
    ERRORS,
    count_completed,
)

Row = dict[str, Any]
Counters = dict[str, int]
Write = Callable[[Connection, list[Row], WriteRows], Awaitable[list[Counters]]]
_log = structlog.get_logger()
_HAND_BACK = 2.0  # seconds until a chunk whose dependencies were away is tried again


class Upsert:
    """Apply a chunk. Safe to repeat: the effect happens under the chunk's claim, once."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        bus: Bus,
        *,
        worker_id: UUID,
        window: InFlightLimit,
        decoder: ChunkDecoder,
        retries: RetryPolicy,
        step_breaker: StepBreaker,
        token: Callable[[], UUID] = uuid4,
    ) -> None:
        self._database = database
        self._storage = storage
        self._bus = bus
        self._worker_id = worker_id
        self._window = window
        self._decoder = decoder
        self._retries = retries
        self._step_breaker = step_breaker
        self._token = token
        self._later = LaterWritesReader(database, storage, decoder)
        self._alone = asyncio.Lock()
        self._gathering = MicroBatcher[ChunkReady, None](
            self._apply, BatchLimits(CHUNKS_PER_TRANSACTION), UPSERT_CONCURRENCY
        )

    async def __call__(self, message: bytes) -> None:
        """Apply the chunk a `chunks.ready` names, unless it is done or in other hands."""
        await self._gathering(msgspec.json.decode(message, type=ChunkReady))

    async def _apply(self, events: list[ChunkReady]) -> None:
        """Chunks that wait together share a transaction; if that fails, they are tried apart."""
        wanted = [(event.batch_id, event.chunk_index) for event in events]
        claims = await chunks.claim(self._database, wanted, self._token(), self._worker_id)
        await self._apply_claimed(claims)
        if len(claims) < len(wanted):
            await self._apply_suspects(wanted)

    async def _apply_suspects(self, wanted: list[tuple[UUID, int]]) -> None:
        """Chunks whose worker crashed, one at a time: the next crash is counted to none that had no part in it."""
        async with self._alone:
            for _ in wanted:
                claims = await chunks.claim(self._database, wanted, self._token(), self._worker_id, crashed=True)
                if not claims:
                    return
                await self._apply_claimed(claims)

    async def _apply_claimed(self, claims: list[Row]) -> None:
        if not claims:
            return
        # What failed before is not to draw others along.
        plain = [c for c in claims if not c["attempts"] and not c["crashes"] and c["kind"] not in KINDS]
        plain = [claim for claim in plain if not claim["rejection"]]
        together = plain if len(plain) > 1 else []
        try:
            async with Lease(lambda: chunks.renew(self._database, claims)):
                apart = await self._apply_together(together)
                for claim in [*apart, *(claim for claim in claims if claim not in together)]:
                    await self._apply_separately(claim)
        except Transient as error:
            ERRORS.add("upsert", cause_of(error))
            for claim in claims:
                CHUNKS_PROCESSED.add("released")
                await chunks.release(self._database, claim, str(error), _HAND_BACK)

    async def _apply_together(self, claims: list[Row]) -> list[Row]:
        """Those that must be tried apart."""
        if not claims:
            return []
        begun = perf_counter()
        try:
            with ExitStack() as spans:
                for claim in claims:
                    spans.enter_context(_span(claim))
                await self._apply_in_transaction(claims, await self._write(claims), write_all)
        except Transient:
            raise
        except Exception as error:
            _log.warning("chunks failed together and are tried apart", action="apply_separately", error=str(error))
            return claims
        self._step_breaker.record_success()
        for _ in claims:
            CHUNK_DURATION.observe((perf_counter() - begun) / len(claims))
        return []

    async def _apply_separately(self, claim: Row) -> None:
        about = {"batch": claim["batch_id"], "chunk": claim["number"], "cnpj": claim["cnpj"]}
        with tracing.bind_trace(claim["batch_id"], step="upsert", **about):
            try:
                with _span(claim):
                    await self._upsert(claim)
                self._step_breaker.record_success()
            except Transient:
                raise
            except Exception as error:
                await self._attempt_failed(claim, error)

    async def _upsert(self, claim: Row) -> None:
        begun = perf_counter()
        write = await self._write_alone(claim)
        try:
            await self._apply_in_transaction([claim], write, write_all)
        except InvalidData as error:
            _log.warning("PostgreSQL refused a record; it is sought out", action="bisect_rows", error=str(error))
            await self._apply_in_transaction([claim | {"has_products": True}], write, write_bisecting)
        CHUNK_DURATION.observe(perf_counter() - begun)

    async def _write_alone(self, claim: Row) -> Write:
        """What one chunk does to the products."""
        if claim["rejection"]:
            return await self._write_rejected(claim)
        return await (self._write_replayed(claim) if claim["kind"] in KINDS else self._write([claim]))

    async def _write_rejected(self, claim: Row) -> Write:
        """What a chunk all of whose records are rejected does: nothing to the products."""
        chunk, id_key = await read_chunk(self._storage, claim), self._decoder.dialect.id_key

        async def write(connection: Connection, held: list[Row], _write_rows: WriteRows) -> list[Counters]:
            return [await reject_all(connection, one, chunk, id_key) for one in held]

        return write

    async def _write(self, claims: list[Row]) -> Write:
        """What chunks of loads do to the products."""
        read = {_key(claim): await read_chunk(self._storage, claim) for claim in claims}

        async def write(connection: Connection, held: list[Row], write_rows: WriteRows) -> list[Counters]:
            parts = [ChunkToApply(claim, read[_key(claim)]) for claim in held]
            return await merge_chunks(connection, parts, self._decoder, write_rows)

        return write

    async def _write_replayed(self, claim: Row) -> Write:
        """What a chunk of a replay does to the products."""
        chunk = await read_chunk(self._storage, claim)
        later = await self._later.of(claim)

        async def write(connection: Connection, held: list[Row], write_rows: WriteRows) -> list[Counters]:
            return [await merge_replay(connection, one, chunk.cut(), later, self._decoder, write_rows) for one in held]

        return write

    async def _apply_in_transaction(self, claims: list[Row], write: Write, write_rows: WriteRows) -> None:
        """One transaction: what the chunks do, their counters and status, and what that leaves of their batches."""
        ready: list[ChunkReady] = []
        async with self._database.transaction() as connection:
            held = await chunks.lock_claimed(connection, claims)
            if not held:
                return
            counters = await write(connection, held, write_rows)
            await chunks.complete(connection, held, counters)
            done = Counter(claim["batch_id"] for claim in held)
            for batch in sorted({c["batch_id"] for c in held if c["chunks_total"] > done[c["batch_id"]]}):
                ready += await chunks.dispatch_next(connection, batch, self._window)
            left = await chunks.decrement_chunks_left(connection, done)  # last, since other workers wait for these rows
        for claim, counted in zip(held, counters, strict=True):
            _count(claim, counted)
        await publish_ready(self._bus, ready)
        for batch in left:
            if left[batch] == 0:
                await publish_upserted(self._bus, batch)

    async def _attempt_failed(self, claim: Row, error: Exception) -> None:
        failure = failure_of(error)
        ERRORS.add("upsert", cause_of(error))
        if self._step_breaker.record_failure(failure.fingerprint, claim["pharmacy_id"]):
            _log.error(
                "chunk after chunk fails for one cause; upserting pauses",
                action="open_step_breaker",
                cause=failure.message,
            )
        delay = self._retries.decide(claim["attempts"] + 1)
        if delay is not None:
            CHUNK_RETRIES.add("scheduled")
            _log.warning("a chunk failed and will be tried again", action="retry_chunk", exc_info=error)
            await chunks.retry(self._database, claim, failure, delay)
            return
        CHUNK_RETRIES.add("exhausted")
        CHUNKS_PROCESSED.add("dead")
        _log.error("a chunk is dead", action="dead_letter_chunk", batch=str(claim["batch_id"]), exc_info=error)
        left = await chunks.dead_letter(self._database, claim, failure, await self._copy_dead(claim))
        await publish_failed(self._bus, claim["batch_id"], claim["number"], failure.message)
        if left == 0:
            await publish_upserted(self._bus, claim["batch_id"])

    async def _copy_dead(self, claim: Row) -> str:
        """A dead chunk is kept apart, exempt from retention; gives where, or where it was when it cannot be copied."""
        try:
            return await copy_dead(self._storage, claim)
        except Transient:
            raise
        except Exception as error:  # also what made it dead, when it cannot be read
            _log.error("a dead chunk could not be copied", action="copy_dead", exc_info=error)
            return str(claim["location"])


def _key(claim: Row) -> tuple[UUID, int]:
    return claim["batch_id"], claim["number"]


def _count(claim: Row, counters: Counters) -> None:
    """A chunk whose effect is committed."""
    count_completed(counters)
    if claim["attempts"]:
        CHUNK_RETRIES.add("succeeded")


def _span(claim: Row) -> AbstractContextManager[None]:
    return tracing.span("upsert", claim["batch_id"], batch=claim["batch_id"], chunk=claim["number"])
