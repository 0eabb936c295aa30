"""Small batches: DELTAs that ride in their row go the short way, from body to final, many in one transaction.

Whatever is not plain - a body at fault, a row PostgreSQL refuses, a lost claim - is left untouched and goes the long
way through split, upsert and finish, which knows what to do.
"""

from contextlib import ExitStack
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import structlog

from integrahub.bus.base import Bus
from integrahub.bus.publisher import publish_all_finished, publish_turn
from integrahub.db.batches import batch_log
from integrahub.db.batches import fast_path as small_batches
from integrahub.db.batches import split_claims as batches
from integrahub.db.batches.fast_path import FastPathResult, SmallBatchClaim
from integrahub.db.database import Database
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.index import SeenProducts
from integrahub.domain.concurrency import SMALL_BATCHES_PER_TRANSACTION
from integrahub.domain.dialects.decode import ChunkDecoder
from integrahub.domain.errors import BodyError, Transient
from integrahub.domain.parsing.encodings import create_inflater
from integrahub.domain.parsing.reader import OversizeRecord, read_all
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.resilience.lease import Lease
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import CHUNK_DURATION, count_completed

_MAX_BODY_BYTES = 64 * 1024  # decoded bytes of a small body
_log = structlog.get_logger()


class FastPath:
    """Asked with each batch; answers whether it is final now. Batches that wait together share a transaction."""

    def __init__(
        self, database: Database, bus: Bus, *, worker_id: UUID, limits: SplitLimits, decoder: ChunkDecoder
    ) -> None:
        self._database = database
        self._bus = bus
        self._worker_id = worker_id
        self._limits = limits
        self._decoder = decoder
        # One group at a time keeps the order in which the batches of a pharmacy come.
        self._batcher = MicroBatcher[UUID, bool](self._run_group, BatchLimits(SMALL_BATCHES_PER_TRANSACTION))

    async def __call__(self, batch_id: UUID) -> bool:
        """Whether the batch went the short way."""
        return await self._batcher(batch_id)

    async def _run_group(self, wanted: list[UUID]) -> list[bool]:
        most = min(_MAX_BODY_BYTES, self._limits.max_record)
        claims = await small_batches.claim(self._database, wanted, uuid4(), self._worker_id, most)
        final = set[UUID]()
        if not claims:
            return [False] * len(wanted)
        try:
            async with Lease(lambda: batches.renew_splits(self._database, claims)):
                final = await self._apply_or_halve(
                    _exclude_unreadable(claims, [self._read_or_none(claim) for claim in claims])
                )
            return [batch_id in final for batch_id in wanted]
        finally:
            # Also when the group fails: a claim that is kept would hold up its pharmacy until the lease ends.
            for claim in claims:
                if claim["id"] not in final:
                    await batches.retry_split(self._database, claim, 0.0, used=0)

    async def _apply_or_halve(self, found: list[SmallBatchClaim]) -> set[UUID]:
        """Those that are final now. Where one is at fault halves are tried, so that it takes few others along."""
        if not found:
            return set()
        try:
            await self._apply_together(found)
        except Transient as error:
            _log.warning("small batches go the long way", action="halve_group", of=len(found), error=str(error))
            return set()
        except Exception as error:
            _log.warning("small batches are halved", action="halve_group", of=len(found), error=str(error))
            found = [
                SmallBatchClaim(small.claim | {"has_products": True}, small.draft) for small in found
            ]  # of the other half
            half = len(found) // 2
            return (
                await self._apply_or_halve(found[:half]) | await self._apply_or_halve(found[half:]) if half else set()
            )
        return {small.claim["id"] for small in found}

    def _read_or_none(self, claim: dict[str, Any]) -> ChunkBuilder | None:
        """The records of a body, when they fit one chunk and nothing is wrong with the body."""
        try:
            return self._read(claim)
        except BodyError:
            return None
        except Exception as error:  # one body must not fail the whole group; the long way tells what is wrong with it
            _log.warning("a small batch could not be read", action="read_small", batch=str(claim["id"]), exc_info=error)
            return None

    def _read(self, claim: dict[str, Any]) -> ChunkBuilder | None:
        inflater = create_inflater(claim["encoding"])
        content = b"".join(inflater.feed(claim["body"]))
        inflater.close()
        run = read_all(content, claim["media_type"], self._limits.max_record)
        records = [record for record in run.records if not isinstance(record, OversizeRecord)]
        if not records or len(records) < len(run.records) or len(records) > self._limits.chunk_size:
            return None
        draft = ChunkBuilder()
        dialect = self._decoder.dialect
        seed = dialect.derive_seed(claim["load_type"], claim["time_zone"])
        ids, texts, hashes = dialect.identify_and_hash(records, seed)
        draft.extend(0, run.offsets, texts, ids, hashes)
        SeenProducts().add_chunk(draft)
        return draft

    async def _apply_together(self, found: list[SmallBatchClaim]) -> None:
        begun, limits = perf_counter(), self._limits
        with ExitStack() as spans:
            for small in found:
                spans.enter_context(tracing.span("settle", small.claim["id"], batch=small.claim["id"]))
            settled, passed = await small_batches.settle(
                self._database, found, self._worker_id, self._decoder, limits.window
            )
        _count(settled, perf_counter() - begun)
        batch_log.log_fast_path(found, settled, perf_counter() - begun)
        await publish_all_finished(self._bus, [(one.batch_id, one.status) for one in settled])
        for turn in passed:
            await publish_turn(self._bus, turn)


def _exclude_unreadable(claims: list[dict[str, Any]], drafts: list[ChunkBuilder | None]) -> list[SmallBatchClaim]:
    """Batches of pharmacies none of whose bodies is at fault: no batch may overtake an earlier one."""
    read = list(zip(claims, drafts, strict=True))
    odd = {claim["pharmacy_id"] for claim, draft in read if draft is None}
    return [SmallBatchClaim(claim, draft) for claim, draft in read if draft and claim["pharmacy_id"] not in odd]


def _count(settled: list[FastPathResult], seconds: float) -> None:
    """Batches whose effect is committed."""
    for one in settled:
        CHUNK_DURATION.observe(seconds / len(settled))
        count_completed(one.counters)
