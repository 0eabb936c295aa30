"""Deliveries of webhooks as their owners and operators read them and send them again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value
from integrahub.db.webhooks import endpoints
from integrahub.db.webhooks.rows import Delivery, DeliveryAttempt, DeliveryFilters, DeliveryPosition
from integrahub.domain.webhooks.states import DeliveryState

_SQL = load_queries(__name__)
_REPLAY_SIZE = 2000  # deliveries in one statement
_MISSED = (DeliveryState.HELD, DeliveryState.FAILED)
_BEFORE_ALL = UUID(int=0)


async def fetch_page(
    database: Database,
    endpoints: list[UUID] | None,
    filters: DeliveryFilters,
    after: DeliveryPosition | None,
    limit: int,
) -> list[Delivery]:
    """Return up to `limit` deliveries of these endpoints, newest first. `endpoints` None means those of every one."""
    query = _SQL["page_of_all"] if endpoints is None else _SQL["page_of_endpoints"]
    params = msgspec.structs.asdict(filters) | {"endpoints": endpoints, "limit": limit}
    params |= {"after_at": after and after.created_at, "after_id": after and after.id}
    async with database.transaction() as connection:
        return await fetch_all(connection, query, params, Delivery)


async def find(database: Database, delivery_id: UUID, endpoints: list[UUID] | None) -> Delivery | None:
    """Return a delivery with its body, if it is one of these endpoints; None: of any."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find"], {"id": delivery_id, "endpoints": endpoints}, Delivery)


async def list_attempts(database: Database, delivery_id: UUID) -> list[DeliveryAttempt]:
    """Return the attempts of a delivery, oldest first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["attempts"], {"id": delivery_id}, DeliveryAttempt)


async def insert_test(database: Database, endpoint_id: UUID, limit: int) -> UUID | None:
    """Insert a test event and return the id of its delivery.

    Return None if the endpoint is disabled, or had `limit` tests in the last minute.
    """
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["insert_test"], {"endpoint": endpoint_id, "limit": limit}, UUID)


async def replay(database: Database, delivery_id: UUID) -> bool:
    """Send a delivery again; return False if its endpoint is disabled or deleted, or a worker is sending it now."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["replay"], {"id": delivery_id}, UUID) is not None


async def replay_some(database: Database, endpoint_id: UUID, states: Sequence[DeliveryState], since: datetime) -> int:
    """Send deliveries of an endpoint again, those in these states that were inserted since a time; return how many."""
    position, count = DeliveryPosition(since, _BEFORE_ALL), 0
    while True:
        async with database.transaction() as connection:
            replayed = await _replay_after(connection, endpoint_id, states, position)
        if not replayed:
            return count
        count += len(replayed)
        position = max(replayed, key=lambda each: (each.created_at, each.id))


async def enable(database: Database, endpoint_id: UUID, since: datetime | None) -> int:
    """Enable an endpoint and send what it missed since a time; return how many deliveries.

    One transaction does both: an endpoint that is enabled already does not say what it missed. `since` None means since
    the first event that it missed.
    """
    count = 0
    async with database.transaction() as connection:
        missing_since = await endpoints.enable(connection, endpoint_id)
        begin = since or missing_since
        position = DeliveryPosition(begin, _BEFORE_ALL) if begin else None
        while position:
            replayed = await _replay_after(connection, endpoint_id, _MISSED, position)
            count += len(replayed)
            position = max(replayed, key=lambda each: (each.created_at, each.id), default=None)
    return count


async def _replay_after(
    connection: Connection, endpoint_id: UUID, states: Sequence[DeliveryState], position: DeliveryPosition
) -> list[DeliveryPosition]:
    params: dict[str, object] = {"endpoint": endpoint_id, "states": list(states), "limit": _REPLAY_SIZE}
    params |= {"after_at": position.created_at, "after_id": position.id}
    return await fetch_all(connection, _SQL["replay_some"], params, DeliveryPosition)
