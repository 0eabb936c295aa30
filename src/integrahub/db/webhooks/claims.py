"""Claims of deliveries: claim those that are due, keep their bodies, record the outcome of each attempt."""

from collections.abc import Sequence
from uuid import UUID

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one
from integrahub.db.webhooks import notices
from integrahub.db.webhooks.claim_rows import ClaimedDelivery, FailedDelivery
from integrahub.domain.webhooks.outcomes import Outcome

_SQL = load_queries(__name__)
DELIVERY_LEASE_SECONDS = 45.0  # longer than an attempt and the transactions around it
PER_HOST = 4  # attempts to one host at the same time, over all workers
DISABLE_AFTER_DAYS = 5  # without one success


async def claim_due(database: Database, token: UUID, worker: UUID, limit: int) -> list[ClaimedDelivery]:
    """Claim up to `limit` deliveries that are due."""
    params = {"token": token, "worker": worker, "limit": limit, "per_host": PER_HOST, "lease": DELIVERY_LEASE_SECONDS}
    async with database.transaction() as connection:
        await connection.execute(_SQL["lock"])
        return await fetch_all(connection, _SQL["claim_due"], params, ClaimedDelivery)


async def keep_bodies(database: Database, rendered: Sequence[tuple[ClaimedDelivery, str]]) -> set[UUID]:
    """Keep the bodies of claimed deliveries that have none yet; return the ids of those.

    A delivery that is missing there has another body, or its claim is lost.
    """
    params = {
        "ids": [delivery.id for delivery, _ in rendered],
        "tokens": [delivery.claim_token for delivery, _ in rendered],
        "bodies": [body for _, body in rendered],
    }
    async with database.transaction() as connection:
        return set(await fetch_column(connection, _SQL["keep_bodies"], params, UUID))


async def record_successes(database: Database, accepted: Sequence[tuple[ClaimedDelivery, Outcome]]) -> set[UUID]:
    """Record that receivers accepted deliveries. Return the ids of those whose claims are still held."""
    params = {
        "ids": [delivery.id for delivery, _ in accepted],
        "tokens": [delivery.claim_token for delivery, _ in accepted],
        "milliseconds": [outcome.milliseconds for _, outcome in accepted],
        "statuses": [outcome.status for _, outcome in accepted],
        "excerpts": [outcome.excerpt for _, outcome in accepted],
    }
    async with database.transaction() as connection:
        return set(await fetch_column(connection, _SQL["record_successes"], params, UUID))


async def record_failure(
    database: Database, delivery: ClaimedDelivery, outcome: Outcome, delay: float | None
) -> FailedDelivery | None:
    """Record a failed attempt; the next one is due in `delay` seconds, None: there is none.

    Disable the endpoint if it wants no more, or has accepted nothing for days. Return None if the claim is lost.
    """
    params = {
        "id": delivery.id,
        "token": delivery.claim_token,
        "url": delivery.url,
        "milliseconds": outcome.milliseconds,
        "status": outcome.status,
        "error": outcome.error,
        "excerpt": outcome.excerpt,
        "delay": delay,
        "days": DISABLE_AFTER_DAYS,
        "gone": outcome.is_gone,
        "reason": "gone" if outcome.is_gone else "failing",
    }
    async with database.transaction() as connection:
        failed = await fetch_one(connection, _SQL["record_failure"], params, FailedDelivery)
        if failed and failed.has_disabled:
            await notices.insert_disabled(connection, failed.endpoint_id)
            await connection.execute(_SQL["hold"])
    return failed


async def hold_disabled(database: Database) -> None:
    """Correct deliveries that were inserted while their endpoint was being disabled, enabled or deleted."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["end_deleted"])
        await connection.execute(_SQL["hold"])
        await connection.execute(_SQL["release"])


async def disable_ended(database: Database) -> None:
    """Disable the endpoints of keys that were revoked or have expired, unless another key replaces them."""
    async with database.transaction() as connection:
        for endpoint_id in await fetch_column(connection, _SQL["disable_ended"], None, UUID):
            await notices.insert_disabled(connection, endpoint_id)
