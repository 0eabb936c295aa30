"""Claims of splits: find a batch, claim, renew, end, retry or fail its split."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from integrahub.db.batches import turns
from integrahub.db.batches.report_rows import FinalBatch
from integrahub.db.batches.rows import Batch, DueSplit, FirstLoad, SmallBatchClaim, SplitClaim
from integrahub.db.chunks import claims as chunk_claims
from integrahub.db.chunks.rows import NewChunk
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one, fetch_value
from integrahub.db.webhooks.events import with_deliveries_returned
from integrahub.domain.batches import Stage
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import BodyError
from integrahub.domain.events import NextWork

_SQL = load_queries(__name__)
_FAIL = with_deliveries_returned(_SQL["fail"])


@dataclass(frozen=True, slots=True)
class SplitResult:
    """The chunks of a body, and how many records it has. `unreadable` counts records without a readable product id."""

    chunks: Iterable[NewChunk]
    items: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class FailedSplit:
    """A batch that has just failed: whether webhooks about it are due, and the work to publish next."""

    has_deliveries: bool
    next_work: NextWork


async def find(connection: Connection, batch_id: UUID) -> Batch | None:
    """Return the batch with its pharmacy's settings, or None."""
    return await fetch_one(connection, _SQL["find"], {"id": batch_id}, Batch)


async def claim_split(
    database: Database, batch_id: UUID, token: UUID, worker: UUID, *, alone: bool = False
) -> SplitClaim | None:
    """Claim the split of a batch. Return None if the batch is split already or another worker holds the claim.

    After a crash only a worker that splits nothing else (`alone`) gets the claim, so the next crash can only be caused
    by this body.
    """
    params = {"id": batch_id, "token": token, "worker": worker, "lease": chunk_claims.LEASE_SECONDS, "alone": alone}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["claim_split_if_free"], params, SplitClaim)


async def is_suspected_of_crash(database: Database, batch_id: UUID) -> bool:
    """Return whether a worker crashed while it split the batch, and the split is still due."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["suspected_split"], {"id": batch_id}, UUID) is not None


async def renew_splits(database: Database, claims: Sequence[SplitClaim] | Sequence[SmallBatchClaim]) -> bool:
    """Renew the leases of splits claimed under one token. Return False if this worker has lost them all."""
    params = {
        "ids": [claim.id for claim in claims],
        "token": claims[0].claim_token,
        "lease": chunk_claims.LEASE_SECONDS,
    }
    async with database.transaction() as connection:
        if await fetch_value(connection, _SQL["renew_splits_if_held"], params, UUID):
            return True
        # A separate statement: the first may have waited for the transaction that ended the splits.
        return await fetch_value(connection, _SQL["find_unfinished"], params, UUID) is None


async def retry_split(database: Database, claim: SplitClaim | SmallBatchClaim, delay: float, used: int) -> None:
    """Return the split to the queue, due in `delay` seconds. `used` attempts are counted, 0 or 1."""
    params = {"id": claim.id, "token": claim.claim_token, "delay": delay, "used": used}
    async with database.transaction() as connection:
        await connection.execute(_SQL["retry_split"], params)


async def uncount_crashes(database: Database, claims: Sequence[SplitClaim] | Sequence[SmallBatchClaim]) -> None:
    """Take back the crashes counted for claims that this live worker lost, because it could not renew its leases."""
    params = {"ids": [claim.id for claim in claims], "token": claims[0].claim_token}
    async with database.transaction() as connection:
        await connection.execute(_SQL["uncount_crash_if_lost"], params)


async def find_final(connection: Connection, batch_id: UUID) -> FinalBatch:
    """Return what the log says of a batch, in the transaction that made it final."""
    batch = await fetch_one(connection, _SQL["final"], {"id": batch_id}, FinalBatch)
    assert batch is not None
    return batch


async def fail(database: Database, claim: SplitClaim, error: BodyError, in_flight: InFlightLimit) -> FailedSplit | None:
    """Make a batch FAILED because of its body, and grant the next turn. Return None if the claim is lost."""
    async with database.transaction() as connection:
        if not await _lock_if_claimed(connection, claim):
            return None
        params = {"id": claim.id, "code": error.code, "facts": Jsonb(error.facts), "offset": error.offset}
        deliveries = await fetch_column(connection, _FAIL, params, UUID)
        next_work = await turns.grant_next_turn(connection, claim.pharmacy_id, in_flight)
        return FailedSplit(bool(deliveries), next_work)


async def end_split(
    database: Database, claim: SplitClaim, result: SplitResult, in_flight: InFlightLimit
) -> NextWork | None:
    """Insert the chunks of a batch, and give it the turn or let it wait. Return None if the claim is lost."""
    async with database.transaction() as connection:
        if not await _lock_if_claimed(connection, claim):
            return None
        count, unsettled = await chunk_claims.insert(connection, result.chunks)
        params = {"id": claim.id, "chunks": count, "left": unsettled}
        params |= {"items": result.items, "unreadable": result.unreadable}
        stage = await fetch_value(connection, _SQL["end_split"], params, Stage)
        return await turns.next_work(connection, claim.id, stage, in_flight)


async def _lock_if_claimed(connection: Connection, claim: SplitClaim) -> bool:
    """Lock the pharmacy's turn and the batch. Return False if the claim is lost."""
    await turns.lock(connection, claim.pharmacy_id)
    params = {"id": claim.id, "token": claim.claim_token}
    return await fetch_value(connection, _SQL["lock_if_claimed"], params, UUID) is not None


async def set_has_products(connection: Connection, loads: Sequence[FirstLoad]) -> int:
    """Mark pharmacies as having products, and record a `reset` for each load that filled an empty catalogue.

    Return how many did.
    """
    params = {
        "pharmacies": [load.pharmacy_id for load in loads],
        "batches": [load.batch_id for load in loads],
        "seqs": [load.seq for load in loads],
    }
    return await fetch_value(connection, _SQL["set_has_products"], params, int) or 0


async def due_splits(database: Database, again: float) -> list[DueSplit]:
    """Return batches whose split must be published. One that was published stays out for `again` seconds or longer."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["due_splits"], {"again": again}, DueSplit)


async def due_finishes(database: Database, again: float) -> list[UUID]:
    """Return batches that must finish and were published at least `again` seconds ago."""
    async with database.transaction() as connection:
        return await fetch_column(connection, _SQL["due_finishes"], {"again": again}, UUID)
