"""Webhook endpoints: at most one per owner that is not deleted."""

from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_column, fetch_one, fetch_value
from integrahub.db.webhooks.rows import Endpoint, EndpointChanges, OwnerRef

_SQL = load_queries(__name__)


async def find(database: Database, owner: OwnerRef) -> Endpoint | None:
    """Return the endpoint of an owner, or None."""
    async with database.transaction() as connection:
        return await _find(connection, owner)


async def find_owner(database: Database, endpoint_id: UUID) -> OwnerRef | None:
    """Return the owner of an endpoint that is not deleted."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find_owner"], {"id": endpoint_id}, OwnerRef)


async def list_ids(database: Database, *, pharmacy_id: int | None, key_id: UUID | None) -> list[UUID]:
    """Return the ids of all endpoints of a pharmacy or of a family of keys, also of deleted ones."""
    params = {"pharmacy_id": pharmacy_id, "key_id": key_id}
    async with database.transaction() as connection:
        return await fetch_column(connection, _SQL["list_ids"], params, UUID)


async def put(
    database: Database, owner: OwnerRef, changes: EndpointChanges, sealed_secret: bytes
) -> tuple[Endpoint, bool]:
    """Set the endpoint of an owner; return it, and whether it is new. Only a new one gets the secret."""
    params = _owner_params(owner) | msgspec.structs.asdict(changes)
    params |= {"events": list(changes.events), "sealed_secret": sealed_secret}
    async with database.transaction() as connection:
        changed = await fetch_value(connection, _SQL["update"], params, UUID)
        inserted = None if changed else await fetch_value(connection, _SQL["insert_unless_taken"], params, UUID)
        if not changed and not inserted:  # another request has just inserted it
            await connection.execute(_SQL["update"], params)
        endpoint = await _find(connection, owner)
    assert endpoint is not None
    return endpoint, inserted is not None


async def delete(database: Database, endpoint_id: UUID) -> bool:
    """Delete an endpoint; return False if it is deleted already."""
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["delete"], {"id": endpoint_id}, UUID) is not None


async def rotate(database: Database, endpoint_id: UUID, sealed_secret: bytes, hours: int) -> bool:
    """Set a new secret; the old one stays valid for some hours. Return False if the endpoint is deleted."""
    params = {"id": endpoint_id, "sealed_secret": sealed_secret, "hours": hours}
    async with database.transaction() as connection:
        return await fetch_value(connection, _SQL["rotate"], params, UUID) is not None


async def enable(connection: Connection, endpoint_id: UUID) -> datetime | None:
    """Enable an endpoint; return the time since which its events are missing, or None if none are."""
    return await fetch_value(connection, _SQL["enable"], {"id": endpoint_id}, datetime | None)  # type: ignore[arg-type]


async def _find(connection: Connection, owner: OwnerRef) -> Endpoint | None:
    return await fetch_one(connection, _SQL["find"], _owner_params(owner), Endpoint)


def _owner_params(owner: OwnerRef) -> dict[str, object]:
    cnpjs = None if owner.cnpjs is None else list(owner.cnpjs)
    return {"owner": owner.owner, "pharmacy_id": owner.pharmacy_id, "key_id": owner.key_id, "cnpjs": cnpjs}
