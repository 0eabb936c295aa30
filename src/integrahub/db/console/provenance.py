"""Search for the batches that brought, changed or refused a product, by the ids of chunks and the issues of records."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.db.changes.kept import kept_since
from integrahub.db.changes.rows import KeptSince
from integrahub.db.console.provenance_rows import (
    ChangeOfBatch,
    ChangeSource,
    ProductDetail,
    ProductIssue,
    RecordPlace,
    Refusal,
    SearchWindow,
    Sighting,
    ValueChange,
)
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.products import MAX_PRODUCT_ID

_SQL = load_queries(__name__)
_PAGE_ROWS = 50
_MAX_ISSUES = 1000  # rows, of the batches of one page
_MAX_VALUE_CHANGES, _MAX_STOCK_CHANGES = 200, 5
_MAX_RECORD_PLACES = 20  # chunks of one batch with records of one product


class SearchLimits(msgspec.Struct, frozen=True):
    """How many batches, and records in them, one search reads at most."""

    batches: int = 2000
    records: int = 4_000_000


class FoundBatches(msgspec.Struct, frozen=True):
    """What a search found in its window, newest first: at most a page of each.

    `issues` and `changes` belong to the batches of `sightings`; `kept` says since when changes are complete.
    """

    window: SearchWindow
    sightings: list[Sighting]
    refusals: list[Refusal]
    issues: list[ProductIssue]
    changes: list[ChangeOfBatch]
    kept: KeptSince


async def find_product(database: Database, pharmacy_id: int, product_id: int) -> ProductDetail | None:
    """Return one product, active or not, or None."""
    params = {"pharmacy_id": pharmacy_id, "product_id": product_id}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["product"], params, ProductDetail)


async def find_batches(
    database: Database, pharmacy_id: int, product_id: int, before: int | None, limits: SearchLimits
) -> FoundBatches:
    """Search the newest batches before the number `before` for records of the product."""
    params = {"pharmacy_id": pharmacy_id, "product_id": product_id, "product": str(product_id), "ean": None}
    async with database.transaction() as connection:
        window = await _open_window(connection, pharmacy_id, before, limits)
        params |= {"first_seq": window.first_seq, "last_seq": window.last_seq, "limit": _PAGE_ROWS}
        sightings = await fetch_all(connection, _SQL["sightings"], params, Sighting)
        refusals = await fetch_all(connection, _SQL["refusals"], params, Refusal)
        params |= {"batches": [each.batch_id for each in sightings], "limit": _MAX_ISSUES}
        params["seqs"] = [each.received_seq for each in sightings]
        params["since"] = min((each.received_at for each in sightings), default=None)
        issues = await fetch_all(connection, _SQL["issues"], params, ProductIssue)
        changes = await fetch_all(connection, _SQL["changes_of_batches"], params, ChangeOfBatch)
        # Read after the changes: what retention removes meanwhile must not count as complete.
        return FoundBatches(window, sightings, refusals, issues, changes, await kept_since(connection))


async def find_product_issues(database: Database, product_id: int, batches: Sequence[UUID]) -> list[ProductIssue]:
    """Return rejections and warnings of the product in some batches."""
    params = {"product": str(product_id), "batches": list(batches), "limit": _MAX_ISSUES}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["issues"], params, ProductIssue)


async def find_refusals(
    database: Database, pharmacy_id: int, ean: str, limits: SearchLimits
) -> tuple[SearchWindow, list[Refusal]]:
    """Search the newest batches for rejected records with this EAN, also those without a readable product id."""
    params = {"pharmacy_id": pharmacy_id, "product": None, "ean": ean, "limit": _PAGE_ROWS}
    async with database.transaction() as connection:
        window = await _open_window(connection, pharmacy_id, None, limits)
        params |= {"first_seq": window.first_seq, "last_seq": window.last_seq}
        return window, await fetch_all(connection, _SQL["refusals"], params, Refusal)


async def _open_window(
    connection: Connection, pharmacy_id: int, before: int | None, limits: SearchLimits
) -> SearchWindow:
    params = {"pharmacy_id": pharmacy_id, "before": MAX_PRODUCT_ID if before is None else before}
    params |= {"max_batches": limits.batches, "max_records": limits.records}
    window = await fetch_one(connection, _SQL["window"], params, SearchWindow)
    assert window is not None
    return window


async def list_value_changes(
    database: Database, pharmacy_id: int, product_id: int
) -> tuple[list[ValueChange], KeptSince]:
    """Return the newest changes of a product, enough to say since when it has its values, and how far they reach."""
    params = {"pharmacy_id": pharmacy_id, "product_id": product_id}
    params |= {"limit": _MAX_VALUE_CHANGES, "stock_limit": _MAX_STOCK_CHANGES}
    async with database.transaction() as connection:
        changes = await fetch_all(connection, _SQL["value_changes"], params, ValueChange)
        return changes, await kept_since(connection)


async def find_sources(
    database: Database, product_id: int, changes: Sequence[tuple[UUID, datetime]]
) -> dict[UUID, ChangeSource]:
    """Return the batches of changes of a product, given batch and time of application, with the record of each."""
    params = {"product_id": product_id, "batches": [batch_id for batch_id, _ in changes]}
    params["times"] = [applied_at for _, applied_at in changes]
    async with database.transaction() as connection:
        rows = await fetch_all(connection, _SQL["change_sources"], params, ChangeSource)
    return {row.batch_id: row for row in rows}


async def find_records(database: Database, pharmacy_id: int, product_id: int, batch_id: UUID) -> list[RecordPlace]:
    """Return where a batch of the pharmacy has records of the product, chunk by chunk."""
    params = {"pharmacy_id": pharmacy_id, "product_id": product_id, "batch_id": batch_id, "limit": _MAX_RECORD_PLACES}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["record_places"], params, RecordPlace)
