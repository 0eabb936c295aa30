"""Fast path of FULLs: decide about the products that each of them does not have, as the finish step does."""

from collections.abc import Sequence
from dataclasses import replace

from msgspec.structs import asdict

from integrahub.db.arrays import as_text
from integrahub.db.batches import deactivation
from integrahub.db.batches.deactivation import DeactivationPolicy, PresentProducts
from integrahub.db.batches.rows import UNDECIDED, BatchTotals, DeactivationDecision, FullCounts
from integrahub.db.batches.small_batch import FastPathResult, SmallBatch
from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column
from integrahub.db.webhooks.events import with_deliveries
from integrahub.domain.batches import BatchStatus
from integrahub.domain.deactivation import DeactivationEvidence, find_doubt, find_hold_reason
from integrahub.domain.errors import Transient

_SQL = load_queries(__name__)
_SUPERSEDE_HELD = with_deliveries(_SQL["supersede_held"])


async def decide(
    connection: Connection,
    batches: Sequence[SmallBatch],
    results: Sequence[FastPathResult],
    policy: DeactivationPolicy,
) -> list[FastPathResult]:
    """Return the results of applied FULLs with their decisions, which `apply_or_hold` carries out.

    A FAILED batch decides nothing. Raise Transient if the FULLs of a pharmacy come in parts since their claim.
    """
    params = {"batches": [batch.claim.id for batch in batches]}
    counts = await fetch_all(connection, _SQL["count_active"], params, FullCounts)
    if any(policy.window_of(count) for count in counts):
        raise Transient("a pharmacy's FULLs come in parts since the claim of a small batch")
    present = await _count_present(connection, batches, results, counts)
    return [
        replace(result, decision=_decide(batch, result, count, number, policy))
        for batch, result, count, number in zip(batches, results, counts, present, strict=True)
    ]


async def _count_present(
    connection: Connection,
    batches: Sequence[SmallBatch],
    results: Sequence[FastPathResult],
    counts: Sequence[FullCounts],
) -> list[int]:
    """Count the active products that each FULL has, also by rejected records.

    Every product that a batch applied is active. If no other is, all are present, and nothing is counted.
    """
    present = [BatchTotals(**asdict(result.counters)).applied for result in results]
    differing = [number for number, count in enumerate(counts) if count.active != present[number]]
    if differing:
        params = {
            "pharmacies": [batches[number].claim.pharmacy_id for number in differing],
            "ids": [as_text({*batches[number].index.ids} - {0}) for number in differing],
        }
        found = await fetch_column(connection, _SQL["count_present"], params, int)
        for number, count in zip(differing, found, strict=True):
            present[number] = count
    return present


def _decide(
    batch: SmallBatch, result: FastPathResult, count: FullCounts, present: int, policy: DeactivationPolicy
) -> DeactivationDecision:
    if result.status is BatchStatus.FAILED:
        return UNDECIDED
    evidence = DeactivationEvidence(
        candidates=count.active - present,
        active=count.active - result.counters.inserted - result.counters.reactivated,
        unreadable_ids=batch.index.ids.count(0),
        is_array=batch.claim.media_type == "application/json",
        claimed=count.item_count_claimed,
        received=len(batch.index.ids),
    )
    return DeactivationDecision(
        candidates=evidence.candidates,
        active=evidence.active,
        reason=find_hold_reason(evidence, policy.limit_of(count)),
        is_proven=find_doubt(evidence) is None,
    )


async def apply_or_hold(
    connection: Connection, batches: Sequence[SmallBatch], results: Sequence[FastPathResult]
) -> list[FastPathResult]:
    """Deactivate the products that FULLs do not have, or hold that, and return the results with what was done.

    The caller has locked the turns and inserted the chunks.
    """
    pairs = list(zip(batches, results, strict=True))
    decided = [(batch.claim, result.decision) for batch, result in pairs if result.decision.active is not None]
    await connection.execute(_SUPERSEDE_HELD, {"pharmacies": [claim.pharmacy_id for claim, _ in decided]})
    done = [await _deactivate(connection, batch, result) for batch, result in pairs]
    seen = [claim.id for claim, decision in decided if decision.reason is None]
    await connection.execute(_SQL["mark_full_seen"], {"batches": seen})
    return done


async def _deactivate(connection: Connection, batch: SmallBatch, result: FastPathResult) -> FastPathResult:
    decision, claim, deactivated = result.decision, batch.claim, 0
    if decision.active is None:
        return result
    if decision.candidates and decision.reason is None:
        present = PresentProducts(claim.pharmacy_id, claim.id, (claim.id,))
        await connection.execute(_SQL["force_hash_join"])
        deactivated = await deactivation.deactivate_absent(connection, present)
        await connection.execute(_SQL["force_nested_loop"])
    return replace(result, decision=deactivation.complete_decision(decision, deactivated))
