"""Fast path: claim small batches with one statement, apply and finish them in one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from msgspec.structs import asdict

from integrahub.db.arrays import as_text
from integrahub.db.batches import fast_fulls, turns
from integrahub.db.batches.deactivation import DeactivationPolicy
from integrahub.db.batches.finish import error_code_of
from integrahub.db.batches.rows import BatchTotals, FirstLoad, SmallBatchClaim
from integrahub.db.batches.small_batch import FastPathResult, SmallBatch
from integrahub.db.batches.split_claims import set_has_products
from integrahub.db.chunks import claims as chunk_claims
from integrahub.db.database import Connection, Database
from integrahub.db.products.chunk_merge import ChunkToApply
from integrahub.db.products.dry_run import DryRun, rehearse_chunks, roll_back_products
from integrahub.db.products.merge import MergeRules, merge_chunks
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column
from integrahub.db.webhooks.events import with_deliveries_returned
from integrahub.domain.batches import BatchKind
from integrahub.domain.changes import ALL_PRODUCTS
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.conflicts import conflict_free_groups
from integrahub.domain.errors import Transient
from integrahub.domain.events import NextWork
from integrahub.domain.products import COUNTERS, ChunkCounters

_SQL = load_queries(__name__)
_FINISH = with_deliveries_returned(_SQL["finish"])
_BODY_IN_ROW = "body"  # the location of a chunk whose records are in the batch's row


async def claim(
    database: Database, ids: list[UUID], token: UUID, worker: UUID, max_bytes: int
) -> list[SmallBatchClaim]:
    """Claim the DELTAs among these batches of up to `max_bytes` decoded bytes, in their order of receipt.

    Those of one pharmacy are all loads, or all dry runs.
    """
    params = {"ids": ids, "token": token, "worker": worker, "lease": chunk_claims.LEASE_SECONDS, "most": max_bytes}
    async with database.transaction() as connection:
        claims = await fetch_all(connection, _SQL["claim_if_free"], params, SmallBatchClaim, binary=True)
    return sorted(claims, key=lambda claim: (claim.pharmacy_id, claim.received_seq))


async def claim_fulls(
    database: Database, ids: list[UUID], worker: UUID, max_bytes: int, window_minutes: int
) -> list[SmallBatchClaim]:
    """Claim the FULLs among these batches of up to `max_bytes` decoded bytes that are next in their pharmacy.

    `window_minutes` is the hub's window of FULLs that come in parts; those take the normal path.
    """
    params = {"ids": ids, "token": uuid4(), "worker": worker, "lease": chunk_claims.LEASE_SECONDS, "most": max_bytes}
    async with database.transaction() as connection:
        given = params | {"window": window_minutes}
        claims = await fetch_all(connection, _SQL["claim_fulls_if_free"], given, SmallBatchClaim, binary=True)
    return sorted(claims, key=lambda claim: claim.pharmacy_id)


async def apply_and_finish(
    database: Database,
    batches: Sequence[SmallBatch],
    worker: UUID,
    rules: MergeRules,
    in_flight: InFlightLimit,
    policy: DeactivationPolicy | None = None,
) -> tuple[list[FastPathResult], list[NextWork]]:
    """Apply loads, or dry runs, in their order and make them final. Return their results and the work to publish next.

    With a `policy` they are FULLs, at most one of a pharmacy. Raise Transient if a claim is lost or a batch is not next
    in its pharmacy, InvalidData if PostgreSQL rejects a row. Then none of the batches has changed.
    """
    async with database.transaction() as connection:
        is_dry = batches[0].claim.kind is BatchKind.DRY_RUN
        results, first_loads = await (_rehearse if is_dry else _apply)(connection, batches, rules)
        if policy:
            results = await fast_fulls.decide(connection, batches, results, policy)
        # Posts of these pharmacies wait while their turns are locked, so lock them last.
        await turns.lock_all(connection, {batch.claim.pharmacy_id for batch in batches})
        await _check_claims(connection, batches)
        await _insert_chunks(connection, batches, results, worker)
        if policy:
            results = await fast_fulls.apply_or_hold(connection, batches, results)
        results = await _finish(connection, batches, results)
        await _end_first_loads(connection, first_loads)
        pharmacies = {batch.claim.pharmacy_id for batch in batches}
        return results, await turns.grant_next_turns(connection, sorted(pharmacies), in_flight)


async def _apply(
    connection: Connection, batches: Sequence[SmallBatch], rules: MergeRules
) -> tuple[list[FastPathResult], list[FirstLoad]]:
    """Apply the batches of a pharmacy that share a product one after the other, and all others together."""
    groups = conflict_free_groups([(batch.claim.pharmacy_id, batch.index.ids) for batch in batches])
    counters: dict[UUID, ChunkCounters] = {}
    empty = await _find_empty(connection, batches)
    first_loads: dict[int, FirstLoad] = {}
    for number in range(max(groups) + 1):
        group = [batch for batch, its_group in zip(batches, groups, strict=True) if its_group == number]
        chunks = [_chunk_of(batch, number, empty - first_loads.keys()) for batch in group]
        for chunk, counts in zip(chunks, await merge_chunks(connection, chunks, rules), strict=True):
            counters[chunk.batch_id] = counts
            if chunk.fills_catalogue and counts.inserted:
                first_loads.setdefault(chunk.pharmacy_id, FirstLoad(chunk.pharmacy_id, chunk.batch_id, chunk.seq))
    results = [_result_of(batch.claim.id, counters[batch.claim.id]) for batch in batches]
    return results, list(first_loads.values())


async def _rehearse(
    connection: Connection, batches: Sequence[SmallBatch], rules: MergeRules
) -> tuple[list[FastPathResult], list[FirstLoad]]:
    """Apply each dry run apart and roll its products back, so that no other sees them."""
    empty = await _find_empty(connection, batches)
    results = []
    for batch in batches:
        claim = batch.claim
        dry_run = DryRun(claim.id, claim.pharmacy_id, claim.received_seq)
        [counters] = await rehearse_chunks(connection, dry_run, [_chunk_of(batch, 0, empty)], rules)
        results.append(_result_of(claim.id, counters))
        if counters.inserted and claim.pharmacy_id in empty:
            async with roll_back_products(connection, dry_run, [ALL_PRODUCTS]):
                await set_has_products(connection, [FirstLoad(claim.pharmacy_id, claim.id, claim.received_seq)])
    return results, []


def _result_of(batch_id: UUID, counters: ChunkCounters) -> FastPathResult:
    return FastPathResult(batch_id, BatchTotals(**asdict(counters)).status, counters)


async def _find_empty(connection: Connection, batches: Sequence[SmallBatch]) -> set[int]:
    """Return the pharmacies without products. Since the claims, other halves of a group may have inserted some."""
    pharmacies = {batch.claim.pharmacy_id for batch in batches if batch.claim.fills_catalogue}
    if not pharmacies:
        return pharmacies
    return set(await fetch_column(connection, _SQL["find_empty"], {"pharmacies": list(pharmacies)}, int))


def _chunk_of(batch: SmallBatch, group: int, empty: set[int]) -> ChunkToApply:
    claim, index = batch.claim, batch.index
    return ChunkToApply(
        batch_id=claim.id,
        number=0,
        pharmacy_id=claim.pharmacy_id,
        seq=claim.received_seq,
        fills_catalogue=claim.pharmacy_id in empty,
        cnpj=claim.cnpj,
        load_type=claim.load_type,
        time_zone=claim.time_zone,
        has_products=claim.has_products or group > 0,  # an earlier group may have inserted products
        ids=index.ids,
        hashes=index.hashes,
        records=batch.records,
        may_use_kernel=True,  # a batch that crashed a worker is not claimed here
    )


async def _check_claims(connection: Connection, batches: Sequence[SmallBatch]) -> None:
    params = {"ids": [batch.claim.id for batch in batches], "token": batches[0].claim.claim_token}
    held = await fetch_column(connection, _SQL["lock_if_next"], params, UUID)
    if len(held) < len(batches):
        raise Transient("a claim of a small batch is lost, or the batch is not next in its pharmacy")


async def _insert_chunks(
    connection: Connection, batches: Sequence[SmallBatch], results: Sequence[FastPathResult], worker: UUID
) -> None:
    params = _to_params(batches, results) | {
        "worker": worker,
        "locations": [batch.claim.location or _BODY_IN_ROW for batch in batches],
        "starts": [batch.extent[0] for batch in batches],
        "lengths": [batch.extent[1] for batch in batches],
        "ids": [as_text(batch.index.ids) for batch in batches],
    }
    await connection.execute(_SQL["insert_chunks"], params)


async def _finish(
    connection: Connection, batches: Sequence[SmallBatch], results: Sequence[FastPathResult]
) -> list[FastPathResult]:
    decisions = [result.decision.to_params() for result in results]
    params = _to_params(batches, results) | {name: [one[name] for one in decisions] for name in decisions[0]}
    params |= {
        "statuses": [str(result.status) for result in results],
        "error_codes": [error_code_of(result.status) for result in results],
        "unreadable": [batch.index.ids.count(0) for batch in batches],
    }
    due = set(await fetch_column(connection, _FINISH, params, UUID))
    return [replace(result, has_deliveries=True) if result.batch_id in due else result for result in results]


def _to_params(batches: Sequence[SmallBatch], results: Sequence[FastPathResult]) -> dict[str, object]:
    """Return the columns that a batch and its one chunk have in common."""
    params: dict[str, object] = {name: [getattr(result.counters, name) for result in results] for name in COUNTERS}
    return params | {
        "batches": [result.batch_id for result in results],
        "items": [len(batch.index.ids) for batch in batches],
    }


async def _end_first_loads(connection: Connection, first_loads: Sequence[FirstLoad]) -> None:
    """Record the first loads. Raise Transient if a catalogue was filled since its batch was claimed.

    Then this transaction did not record what the batch inserted.
    """
    if first_loads and await set_has_products(connection, first_loads) < len(first_loads):
        raise Transient("another batch filled the catalogue after the claim of a small batch")
