"""Rows of `batch_chunks`: claims, moves and dispatches."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from integrahub.db.chunks import dead_letters
from integrahub.db.chunks.rows import NewChunk
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import ChunkReady
from integrahub.domain.failures import Failure, silent_worker
from integrahub.domain.products import COUNTERS

_SQL = load_queries(__name__)
LEASE_SECONDS = 15.0
Row = dict[str, Any]


async def insert(connection: Connection, chunks: Iterable[NewChunk]) -> tuple[int, int]:
    """Insert the chunks of a batch; return the number of chunks and how many of them must still be applied."""
    count = unsettled = 0

    def params() -> Iterator[Row]:
        nonlocal count, unsettled
        for chunk in chunks:
            count += 1
            unsettled += not chunk.is_settled
            yield msgspec.structs.asdict(chunk)

    await connection.cursor().executemany(_SQL["insert"], params())
    return count, unsettled


async def dispatch_next(connection: Connection, batch_id: UUID, window: InFlightLimit) -> list[ChunkReady]:
    """Mark the next chunks of a batch as dispatched, up to its limit of chunks in flight. The caller publishes them."""
    params = {"batch_id": batch_id, "least": window.least, "slots": window.slots}
    return await fetch_all(connection, _SQL["dispatch_next"], params, ChunkReady)


async def claim(
    database: Database, wanted: list[tuple[UUID, int]], token: UUID, worker: UUID, *, crashed: bool = False
) -> list[Row]:
    """Take chunks, by batch and number; those are left out that are done, not due, not in turn or in other hands.

    A chunk whose worker crashed is taken only when asked for, and alone: it may have been the cause.
    """
    values = {"batches": [batch for batch, _ in wanted], "numbers": [number for _, number in wanted]}
    values |= {"token": token, "worker": worker, "lease": LEASE_SECONDS, "crashed": crashed}
    async with database.transaction() as connection:
        claims = await (await connection.execute(_SQL["claim_free"], values)).fetchall()
    return sorted(claims, key=lambda claim: (claim["batch_id"], claim["number"]))


def _claim_key(claim: Row) -> Row:
    return {"batch_id": claim["batch_id"], "number": claim["number"], "token": claim["claim_token"]}


async def renew(database: Database, claims: list[Row]) -> bool:
    """Whether any chunk taken under one token is still ours, or all are settled: nothing is lost then."""
    values = _chunk_keys(claims) | {"token": claims[0]["claim_token"], "lease": LEASE_SECONDS}
    async with database.transaction() as connection:
        if await (await connection.execute(_SQL["renew_if_held"], values)).fetchone():
            return True
        # A statement of its own: the one before may have waited for the transaction that settled them.
        return await (await connection.execute(_SQL["list_unfinished"], values)).fetchone() is None


async def lock_claimed(connection: Connection, claims: list[Row]) -> list[Row]:
    """The effect's guard: claims still ours until the transaction ends, with their `ids` and `hashes`."""
    known = {(claim["batch_id"], claim["number"]): claim for claim in claims}
    values = _chunk_keys(claims) | {"token": claims[0]["claim_token"]}
    found = await (await connection.execute(_SQL["lock_if_claimed"], values, binary=True)).fetchall()
    return [known[row["batch_id"], row["number"]] | row for row in found]


async def complete(connection: Connection, claims: list[Row], counters: list[Row]) -> None:
    """Settle applied chunks with their counters."""
    values = _chunk_keys(claims)
    await connection.execute(_SQL["complete"], values | {name: [row[name] for row in counters] for name in COUNTERS})


def _chunk_keys(claims: list[Row]) -> Row:
    """Which chunks these are, by column."""
    return {"batches": [claim["batch_id"] for claim in claims], "numbers": [claim["number"] for claim in claims]}


async def decrement_chunks_left(connection: Connection, done: Mapping[UUID, int]) -> dict[UUID, int]:
    """So many chunks less, by batch: how many are left. Whoever reads 0 has the batch finished."""
    values = {"ids": list(done), "counts": list(done.values())}
    left = await (await connection.execute(_SQL["decrement_chunks_left"], values)).fetchall()
    return {row["id"]: row["chunks_left"] for row in left}


def _to_columns(failure: Failure) -> Row:
    return {"error": f"{failure.error_class}: {failure.message}", "culprit": failure.culprit}


async def release(database: Database, claim: Row, error: str, delay: float) -> None:
    """Hand a chunk back without using up an attempt."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["release_if_claimed"], _claim_key(claim) | {"error": error, "delay": delay})


async def retry(database: Database, claim: Row, failure: Failure, delay: float) -> None:
    """The chunk's own fault used up an attempt."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["retry_if_claimed"], _claim_key(claim) | _to_columns(failure) | {"delay": delay})


async def dead_letter(database: Database, claim: Row, failure: Failure, location: str) -> int | None:
    """Settle a chunk as dead, with its letter: how many chunks are left, or None when somebody else was first."""
    async with database.transaction() as connection:
        buried = await connection.execute(_SQL["dead_letter_if_claimed"], _claim_key(claim) | _to_columns(failure))
        if not await buried.fetchone():
            return None
        await dead_letters.add_chunk(connection, claim["batch_id"], claim["number"], failure, location)
        return (await decrement_chunks_left(connection, {claim["batch_id"]: 1}))[claim["batch_id"]]


async def release_expired(database: Database, crashes: int) -> list[UUID]:
    """Free chunks whose worker fell silent; those with too many crashes die. Gives batches left without chunks."""
    done = []
    async with database.transaction() as connection:
        expired = await (await connection.execute(_SQL["release_expired"])).fetchall()
        for row in sorted(expired, key=lambda row: (row["batch_id"], row["number"])):
            values = {"batch_id": row["batch_id"], "number": row["number"], "crashes": crashes}
            buried = await (await connection.execute(_SQL["dead_letter_if_crash_limit"], values)).fetchone()
            if buried:
                failure = silent_worker(row["crashes"])
                await dead_letters.add_chunk(connection, row["batch_id"], row["number"], failure, buried["location"])
                left = await decrement_chunks_left(connection, {row["batch_id"]: 1})
                done += [batch for batch in left if left[batch] == 0]
    return done


async def dispatch_due(database: Database, again: float, window: InFlightLimit) -> list[ChunkReady]:
    """Mark chunks as dispatched that a worker should hold by now: due retries, lost messages, idle batches.

    `again` is the shortest interval in seconds between two dispatches of a chunk. The caller publishes the chunks.
    """
    async with database.transaction() as connection:
        ready = await fetch_all(connection, _SQL["due"], {"again": again}, ChunkReady)
        for batch_id in await fetch_column(connection, _SQL["never_dispatched"], {}, UUID):
            ready += await dispatch_next(connection, batch_id, window)
    return ready
