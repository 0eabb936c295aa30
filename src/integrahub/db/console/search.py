"""Search of the console over all pharmacies: each kind of thing by an index, or among a bounded number of rows."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all
from integrahub.domain.batches import BatchStatus, LoadType
from integrahub.domain.untrusted_text import match_part

_SQL = load_queries(__name__)
MAX_HITS = 20  # of each kind
MAX_SEARCHED_BATCHES = 10_000  # for the end of an id
_LATEST_CAUSES = 2000


class PharmacyHit(msgspec.Struct, frozen=True):
    """A pharmacy that a search found."""

    cnpj: str
    name: str
    city: str
    state: str


class BatchHit(msgspec.Struct, frozen=True):
    """A batch that a search found."""

    id: UUID
    cnpj: str
    name: str
    time_zone: str
    load_type: LoadType
    status: BatchStatus
    received_at: datetime


class ProductHit(msgspec.Struct, frozen=True):
    """A product that a search found; `cnpj` and `name` are those of its pharmacy."""

    cnpj: str
    name: str
    product_id: int
    title: str
    ean: str
    is_active: bool


class CauseHit(msgspec.Struct, frozen=True):
    """A cause of failure that a search found, with its latest message."""

    fingerprint: str
    error_class: str
    error_code: str
    culprit: str
    count: int
    last_seen: datetime
    message: str


class CodeHit(msgspec.Struct, frozen=True):
    """A code that batches failed with."""

    code: str
    last_seen: datetime


async def find_pharmacies(database: Database, text: str, prefix: str) -> list[PharmacyHit]:
    """Return pharmacies whose name contains a text, or whose CNPJ begins with `prefix` if it is not empty."""
    params = {"pattern": match_part(text), "prefix": f"{prefix}%" if prefix else "", "limit": MAX_HITS}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["pharmacies"], params, PharmacyHit)


async def find_batches(database: Database, ids: tuple[UUID, UUID]) -> list[BatchHit]:
    """Return batches whose id is between two ids."""
    params = {"first": ids[0], "last": ids[1], "limit": MAX_HITS}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["batches"], params, BatchHit)


async def find_latest_batches(database: Database, suffix: str) -> list[BatchHit]:
    """Return batches whose id ends with hexadecimal digits, among the latest ones."""
    params = {"pattern": f"%{suffix.lower()}", "limit": MAX_HITS, "latest": MAX_SEARCHED_BATCHES}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["batches_by_suffix"], params, BatchHit)


async def find_products(database: Database, *, product_id: int | None = None, ean: str = "") -> list[ProductHit]:
    """Return the products of all pharmacies with an id, then those with a bar code."""
    async with database.transaction() as connection:
        params = {"product_id": product_id, "ean": ean, "limit": MAX_HITS}
        found = []
        if product_id is not None:
            found += await fetch_all(connection, _SQL["products_by_id"], params, ProductHit)
        if ean:
            found += await fetch_all(connection, _SQL["products_by_ean"], params, ProductHit)
        return found


async def find_causes(database: Database, text: str) -> list[CauseHit]:
    """Return causes of failure whose fingerprint, error or latest message contains a text."""
    params = {"text": text, "pattern": match_part(text), "limit": MAX_HITS, "latest": _LATEST_CAUSES}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["causes"], params, CauseHit)


async def find_failed_codes(database: Database, codes: Sequence[str]) -> list[CodeHit]:
    """Return which of the codes batches failed with."""
    if not codes:
        return []
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["failed"], {"codes": list(codes)}, CodeHit)
