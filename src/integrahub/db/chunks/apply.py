"""Application of claimed chunks: one transaction from the lock of their rows to the count of chunks left."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec

from integrahub.db.arrays import decode_bigints
from integrahub.db.chunks import claims
from integrahub.db.chunks.claims import ChunkKey
from integrahub.db.chunks.reject import reject_chunk
from integrahub.db.chunks.rows import ChunkClaim, LockedChunk
from integrahub.db.database import Connection, Database
from integrahub.db.products.bisect import WriteRows, write_all
from integrahub.db.products.chunk_merge import ChunkToApply
from integrahub.db.products.dry_run import DryRun, rehearse_chunks
from integrahub.db.products.merge import MergeRules, merge_chunks
from integrahub.db.products.replay_merge import ReplayToApply, merge_replay
from integrahub.domain.batches import BatchKind
from integrahub.domain.chunks.formats import Chunk
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import ChunkReady
from integrahub.domain.products import ChunkCounters
from integrahub.domain.replays import LaterWrites


class LoadedChunk(msgspec.Struct, frozen=True):
    """A claimed chunk with its records. `later` is what later batches wrote, for a chunk of a replay.

    If not `is_probed`, nearly all of its products are expected to exist and to have changed.
    """

    claim: ChunkClaim
    records: Chunk
    later: LaterWrites | None = None
    is_probed: bool = True


class AppliedChunk(msgspec.Struct, frozen=True):
    """A chunk whose changes are committed."""

    claim: ChunkClaim
    counters: ChunkCounters


class ApplyResult(msgspec.Struct, frozen=True):
    """Applied chunks, the chunks dispatched next, and batches whose last chunk was applied."""

    applied: list[AppliedChunk] = []
    ready: list[ChunkReady] = []
    upserted: list[UUID] = []


async def apply_chunks(
    database: Database,
    chunks: Sequence[LoadedChunk],
    rules: MergeRules,
    in_flight: InFlightLimit,
    *,
    write_rows: WriteRows = write_all,
) -> ApplyResult:
    """Apply those chunks that this worker still holds: products, issues, counters and status in one transaction.

    Chunks of replays and rejected chunks come alone. Raise InvalidData if PostgreSQL refuses a row; `write_bisecting`
    rejects such rows instead, and is only for a single chunk.
    """
    claimed = {chunk.claim.key: chunk for chunk in chunks}
    # What a crash of PostgreSQL undoes is applied again. The end of the batch is durable, and with it all its chunks.
    async with database.transaction(is_durable=False) as connection:
        locked = await claims.lock_claimed(connection, [chunk.claim for chunk in chunks])
        if not locked:
            return ApplyResult()
        held = [claimed[row.batch_id, row.number] for row in locked]
        counters = await _write(connection, held, locked, rules, write_rows)
        await claims.complete(connection, [chunk.claim.key for chunk in held], counters)
        settled = Counter(chunk.claim.batch_id for chunk in held)
        ready: list[ChunkReady] = []
        # A batch whose chunks are all in this transaction has none to dispatch.
        for batch_id in sorted({c.claim.batch_id for c in held if c.claim.chunks_total > settled[c.claim.batch_id]}):
            ready += await claims.dispatch_next(connection, batch_id, in_flight)
        # The last statement, because other workers wait for these rows.
        left = await claims.decrement_chunks_left(connection, settled)
    applied = [AppliedChunk(chunk.claim, counted) for chunk, counted in zip(held, counters, strict=True)]
    return ApplyResult(applied, ready, [batch_id for batch_id, count in left.items() if count == 0])


async def _write(
    connection: Connection,
    held: list[LoadedChunk],
    locked: list[LockedChunk],
    rules: MergeRules,
    write_rows: WriteRows,
) -> list[ChunkCounters]:
    chunks = [_to_apply(chunk, row) for chunk, row in zip(held, locked, strict=True)]
    first = held[0]  # the only one, if it is rejected or part of a replay
    if first.claim.rejection:
        return [await reject_chunk(connection, chunks[0], first.claim.rejection, rules.decoder)]
    if first.later is not None:
        replay = ReplayToApply(chunks[0], first.later, first.claim.seen_at)
        return [await merge_replay(connection, replay, rules, write_rows)]
    return await _merge(connection, [chunk.claim for chunk in held], chunks, rules, write_rows)


async def _merge(
    connection: Connection,
    claims_held: list[ChunkClaim],
    chunks: list[ChunkToApply],
    rules: MergeRules,
    write_rows: WriteRows,
) -> list[ChunkCounters]:
    """Merge the chunks of loads together, and those of each dry run apart, because they are rolled back."""
    dry_runs = [_dry_run_of(claim) for claim in claims_held]
    counters: dict[ChunkKey, ChunkCounters] = {}
    for dry_run in dict.fromkeys(dry_runs):
        group = [chunk for chunk, its_dry_run in zip(chunks, dry_runs, strict=True) if its_dry_run == dry_run]
        if dry_run:
            merged = await rehearse_chunks(connection, dry_run, group, rules, write_rows)
        else:
            merged = await merge_chunks(connection, group, rules, write_rows)
        counters |= zip([(chunk.batch_id, chunk.number) for chunk in group], merged, strict=True)
    return [counters[claim.key] for claim in claims_held]


def _dry_run_of(claim: ChunkClaim) -> DryRun | None:
    if claim.kind is not BatchKind.DRY_RUN:
        return None
    return DryRun(claim.batch_id, claim.pharmacy_id, claim.received_seq)


def _to_apply(chunk: LoadedChunk, row: LockedChunk) -> ChunkToApply:
    claim = chunk.claim
    return ChunkToApply(
        batch_id=claim.batch_id,
        number=claim.number,
        pharmacy_id=claim.pharmacy_id,
        seq=claim.received_seq,
        fills_catalogue=claim.fills_catalogue,
        cnpj=claim.cnpj,
        load_type=claim.load_type,
        time_zone=claim.time_zone,
        has_products=claim.has_products,
        ids=decode_bigints(row.ids),
        hashes=decode_bigints(row.hashes),
        records=chunk.records,
        is_stored=True,
        is_probed=chunk.is_probed,
        may_use_kernel=not (claim.attempts or claim.crashes or claim.batch_crashes),
    )
