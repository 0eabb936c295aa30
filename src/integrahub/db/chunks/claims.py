"""Table `batch_chunks`: insert, dispatch, claim, settle, retry and dead-letter chunks."""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import msgspec

from integrahub.db.chunks import dead_letters
from integrahub.db.chunks.rows import BatchCount, ChunkClaim, ExpiredChunk, LockedChunk, NewChunk
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_value
from integrahub.domain.batches import BatchKind
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import ChunkReady
from integrahub.domain.failures import Failure, describe_lost_worker
from integrahub.domain.products import COUNTERS, ChunkCounters

_SQL = load_queries(__name__)
LEASE_SECONDS = 15.0
ChunkKey = tuple[UUID, int]  # batch and number


async def insert(connection: Connection, chunks: Iterable[NewChunk]) -> tuple[int, int]:
    """Insert the chunks of a batch; return the number of chunks and how many of them must still be applied."""
    count = unsettled = 0

    def params() -> Iterator[dict[str, object]]:
        nonlocal count, unsettled
        for chunk in chunks:
            count += 1
            unsettled += not chunk.is_settled
            yield msgspec.structs.asdict(chunk)

    await connection.cursor().executemany(_SQL["insert"], params())
    return count, unsettled


async def dispatch_next(connection: Connection, batch_id: UUID, in_flight: InFlightLimit) -> list[ChunkReady]:
    """Mark the next chunks of a batch as dispatched, up to its limit of chunks in flight. The caller publishes them."""
    params = {"batch_id": batch_id, "per_batch": in_flight.per_batch, "shared": in_flight.shared}
    return await fetch_all(connection, _SQL["dispatch_next"], params, ChunkReady)


async def claim(
    database: Database, keys: list[ChunkKey], token: UUID, worker: UUID, *, crashed: bool = False
) -> list[ChunkClaim]:
    """Claim those chunks that are due and whose batch has the turn; return the claims in the order of their keys.

    `crashed` claims one chunk whose worker crashed before; without it only chunks without a crash are claimed.
    """
    params = _to_arrays(keys) | {"token": token, "worker": worker, "lease": LEASE_SECONDS, "crashed": crashed}
    async with database.transaction(is_durable=False) as connection:  # what is lost is claimed again
        claims = await fetch_all(connection, _SQL["claim_free"], params, ChunkClaim)
    return sorted(claims, key=lambda claim: claim.key)


async def renew(database: Database, claims: list[ChunkClaim]) -> bool:
    """Renew the leases of chunks claimed together.

    Return True if this worker still holds any of them or all are settled; False if all were lost.
    """
    keys = [claim.key for claim in claims]
    params = _to_arrays(keys) | {"token": claims[0].claim_token, "lease": LEASE_SECONDS}
    async with database.transaction() as connection:
        if await (await connection.execute(_SQL["renew_if_held"], params)).fetchone():
            return True
        # A separate statement: the first may have waited for the transaction that settles the chunks.
        return await (await connection.execute(_SQL["list_unfinished"], params)).fetchone() is None


async def uncount_crashes(database: Database, claims: list[ChunkClaim]) -> None:
    """Take back the crashes counted for claims that this live worker lost, because it could not renew its leases."""
    params = _to_arrays([claim.key for claim in claims]) | {"token": claims[0].claim_token}
    async with database.transaction() as connection:
        await connection.execute(_SQL["uncount_crash_if_lost"], params)


async def lock_claimed(connection: Connection, claims: list[ChunkClaim]) -> list[LockedChunk]:
    """Lock the rows of those chunks that this worker still holds, until the transaction ends."""
    params = _to_arrays([claim.key for claim in claims]) | {"token": claims[0].claim_token}
    return await fetch_all(connection, _SQL["lock_if_claimed"], params, LockedChunk, binary=True)


async def complete(connection: Connection, keys: list[ChunkKey], counters: list[ChunkCounters]) -> None:
    """Settle applied chunks with their counters."""
    columns = {name: [getattr(counter, name) for counter in counters] for name in COUNTERS}
    await connection.execute(_SQL["complete"], _to_arrays(keys) | columns)


async def decrement_chunks_left(connection: Connection, settled: Mapping[UUID, int]) -> dict[UUID, int]:
    """Decrement `chunks_left` of each batch and return the new counts.

    The caller that gets 0 must publish that the batch can be finished.
    """
    params = {"ids": list(settled), "counts": list(settled.values())}
    counts = await fetch_all(connection, _SQL["decrement_chunks_left"], params, BatchCount)
    return {count.id: count.chunks_left for count in counts}


async def release(database: Database, claim: ChunkClaim, error: str, delay: float) -> None:
    """Release a claim without using up an attempt. Another worker may claim the chunk after `delay` seconds."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["release_if_claimed"], _to_params(claim) | {"error": error, "delay": delay})


async def retry(database: Database, claim: ChunkClaim, failure: Failure, delay: float) -> None:
    """Count a failed attempt and schedule the next one in `delay` seconds."""
    async with database.transaction() as connection:
        params = _to_params(claim) | _to_columns(failure) | {"delay": delay}
        await connection.execute(_SQL["retry_if_claimed"], params)


async def dead_letter(database: Database, claim: ChunkClaim, failure: Failure, location: str) -> int | None:
    """Fail a chunk for good and insert its dead letter; `location` is where its records are from now on.

    A chunk of a dry run gets no letter, because nothing can be replayed. Return how many chunks of the batch are not
    settled, or None if this worker no longer holds the chunk.
    """
    async with database.transaction() as connection:
        failed = await connection.execute(_SQL["dead_letter_if_claimed"], _to_params(claim) | _to_columns(failure))
        if not await failed.fetchone():
            return None
        if claim.kind is not BatchKind.DRY_RUN:
            await dead_letters.add_chunk(connection, claim.batch_id, claim.number, failure, location)
        return (await decrement_chunks_left(connection, {claim.batch_id: 1}))[claim.batch_id]


async def release_expired(database: Database, max_crashes: int) -> list[UUID]:
    """Release chunks whose lease expired and count a crash for each; dead-letter a chunk at its last allowed crash.

    Return batches that have no unsettled chunk left.
    """
    done: list[UUID] = []
    async with database.transaction() as connection:
        expired = await fetch_all(connection, _SQL["release_expired"], None, ExpiredChunk)
        for chunk in sorted(expired, key=lambda chunk: (chunk.batch_id, chunk.number)):
            params = {"batch_id": chunk.batch_id, "number": chunk.number, "crashes": max_crashes}
            location = await fetch_value(connection, _SQL["dead_letter_if_crash_limit"], params, str)
            if location is not None:
                if chunk.kind is not BatchKind.DRY_RUN:
                    failure = describe_lost_worker(chunk.crashes)
                    await dead_letters.add_chunk(connection, chunk.batch_id, chunk.number, failure, location)
                left = await decrement_chunks_left(connection, {chunk.batch_id: 1})
                done += [batch_id for batch_id, count in left.items() if count == 0]
    return done


async def dispatch_due(database: Database, again: float, in_flight: InFlightLimit) -> list[ChunkReady]:
    """Mark chunks as dispatched that a worker should hold by now: due retries, lost messages, idle batches.

    `again` is the shortest interval in seconds between two dispatches of a chunk. The caller publishes the chunks.
    """
    async with database.transaction() as connection:
        ready = await fetch_all(connection, _SQL["due"], {"again": again}, ChunkReady)
        for batch_id in await fetch_column(connection, _SQL["never_dispatched"], None, UUID):
            ready += await dispatch_next(connection, batch_id, in_flight)
    return ready


def _to_arrays(keys: list[ChunkKey]) -> dict[str, object]:
    return {"batches": [batch_id for batch_id, _ in keys], "numbers": [number for _, number in keys]}


def _to_params(claim: ChunkClaim) -> dict[str, object]:
    return {"batch_id": claim.batch_id, "number": claim.number, "token": claim.claim_token}


def _to_columns(failure: Failure) -> dict[str, object]:
    return {"error": f"{failure.error_class}: {failure.message}", "culprit": failure.culprit}
