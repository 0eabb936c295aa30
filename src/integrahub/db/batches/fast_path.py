"""Small batches settled together: claimed by one statement, applied and made final by one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from msgspec.structs import asdict

from integrahub.db.arrays import as_text
from integrahub.db.batches import turns
from integrahub.db.batches.finish import error_code_of, status_of
from integrahub.db.batches.split_claims import set_has_products
from integrahub.db.batches.turns import NextWork
from integrahub.db.chunks import claims as chunks
from integrahub.db.database import Connection, Database
from integrahub.db.products.merge import ChunkToApply, merge_chunks
from integrahub.db.queries import load_queries
from integrahub.domain.batches import BatchStatus
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.conflicts import conflict_free_groups
from integrahub.domain.dialects.decode import ChunkDecoder
from integrahub.domain.errors import Transient
from integrahub.domain.products import COUNTERS, ChunkCounters

_SQL = load_queries(__name__)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SmallBatchClaim:
    """A batch that is ours, whole: its claim, and its records, which fit one chunk."""

    claim: Row
    draft: ChunkBuilder


@dataclass(frozen=True, slots=True)
class FastPathResult:
    """What came of a batch: its final `status`, and the `counters` of its chunk."""

    batch_id: UUID
    status: BatchStatus
    counters: ChunkCounters


async def claim(database: Database, wanted: list[UUID], token: UUID, worker: UUID, most: int) -> list[Row]:
    """Take the small DELTAs among the batches, of up to `most` decoded bytes; ordered as they were received."""
    asked = {"ids": wanted, "token": token, "worker": worker, "lease": chunks.LEASE_SECONDS, "most": most}
    async with database.transaction() as connection:
        claims = await (await connection.execute(_SQL["claim_if_free"], asked, binary=True)).fetchall()
    return sorted(claims, key=lambda claim: (claim["pharmacy_id"], claim["received_seq"]))


async def settle(
    database: Database, batches: Sequence[SmallBatchClaim], worker: UUID, decoder: ChunkDecoder, window: InFlightLimit
) -> tuple[list[FastPathResult], list[NextWork]]:
    """Apply batches in their order and make them final; gives what came of each, and the turns that pass.

    Transient when one of them is no longer ours or not in turn, UnfitValue when PostgreSQL refuses a row: then nothing
    happened to any.
    """
    async with database.transaction() as connection:
        settled = await _apply(connection, batches, decoder)
        # The turns are locked last: whoever posts for these pharmacies waits for them.
        await turns.lock_all(connection, {small.claim["pharmacy_id"] for small in batches})
        await _check(connection, batches)
        await _end(connection, batches, settled, worker)
        return settled, await _pass_on(connection, batches, settled, window)


async def _apply(
    connection: Connection, batches: Sequence[SmallBatchClaim], decoder: ChunkDecoder
) -> list[FastPathResult]:
    """Batches of a pharmacy that have a product in common go one after the other, all others together."""
    numbers = conflict_free_groups([(small.claim["pharmacy_id"], small.draft.ids) for small in batches])
    counters: dict[UUID, ChunkCounters] = {}
    for number in range(max(numbers) + 1):
        mine = [small for small, its in zip(batches, numbers, strict=True) if its == number]
        found = await merge_chunks(connection, [_part(small, number) for small in mine], decoder)
        counters |= {small.claim["id"]: row for small, row in zip(mine, found, strict=True)}
    ordered = {small.claim["id"]: counters[small.claim["id"]] for small in batches}
    return [FastPathResult(batch_id, status_of(asdict(row) | {"dead": 0}), row) for batch_id, row in ordered.items()]


def _part(small: SmallBatchClaim, number: int) -> ChunkToApply:
    claim, draft = small.claim, small.draft
    return ChunkToApply(
        batch_id=claim["id"],
        number=0,
        pharmacy_id=claim["pharmacy_id"],
        cnpj=claim["cnpj"],
        load_type=claim["load_type"],
        time_zone=claim["time_zone"],
        has_products=claim["has_products"] or number > 0,  # an earlier group may have inserted products
        ids=draft.ids.tolist(),
        hashes=draft.hashes.tolist(),
        records=draft.to_object(),
    )


async def _check(connection: Connection, batches: Sequence[SmallBatchClaim]) -> None:
    asked = {"ids": [small.claim["id"] for small in batches], "token": batches[0].claim["claim_token"]}
    held = await (await connection.execute(_SQL["lock_if_next"], asked)).fetchall()
    if len(held) < len(batches):
        raise Transient("some of the small batches are no longer ours, or not in turn")


async def _end(
    connection: Connection, batches: Sequence[SmallBatchClaim], settled: list[FastPathResult], worker: UUID
) -> None:
    drafts = [small.draft for small in batches]
    extents = [draft.extent() for draft in drafts]
    counted = {name: [getattr(one.counters, name) for one in settled] for name in COUNTERS}
    of_all = counted | {"batches": [one.batch_id for one in settled], "items": [len(draft.ids) for draft in drafts]}
    chunk_rows = {
        "worker": worker,
        "starts": [start for start, _ in extents],
        "lengths": [length for _, length in extents],
        "ids": [as_text(draft.ids) for draft in drafts],
        "hashes": [as_text(draft.hashes) for draft in drafts],
    }
    await connection.execute(_SQL["insert_chunks"], of_all | chunk_rows)
    final = {
        "statuses": [str(one.status) for one in settled],
        "error_codes": [error_code_of(one.status) for one in settled],
        "unreadable": [draft.ids.count(0) for draft in drafts],
    }
    await connection.execute(_SQL["finish"], of_all | final)


async def _pass_on(
    connection: Connection, batches: Sequence[SmallBatchClaim], settled: list[FastPathResult], window: InFlightLimit
) -> list[NextWork]:
    owners = [small.claim["pharmacy_id"] for small in batches]
    stocked = {owner for owner, one in zip(owners, settled, strict=True) if one.counters.inserted}
    if stocked:
        await set_has_products(connection, sorted(stocked))
    return await turns.grant_next_turns(connection, sorted(set(owners)), window)
