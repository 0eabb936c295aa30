"""Reports of what a batch changed or a dry run would change, and of the products that a FULL does not contain."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from integrahub.db.batches import absent_products
from integrahub.db.batches.report_rows import AbsentProduct, DeactivationReport
from integrahub.db.changes import batch_changes
from integrahub.db.changes.batch_changes import ChangeFilter
from integrahub.db.changes.rows import BatchChange, BatchHead, ChangeCounts
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import BatchKind, DeactivationState
from integrahub.domain.errors import Conflict, Gone, NotFound
from integrahub.reports.encodings import Pages

CHANGE_COLUMNS = ("product_id", "kind", "field", "before", "after")
ABSENT_COLUMNS = AbsentProduct.__struct_fields__
_CHANGES_PER_READ = 1000  # of a whole report


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """Changes of a batch by kind and field. `missing` were made, and are no longer kept."""

    counts: ChangeCounts
    inserted: int
    missing: int


async def find_batch(database: Database, caller: Caller, batch_id: UUID, *, has_history: bool) -> BatchHead:
    """Return a final batch.

    Raise NotFound for a batch that the caller may not see, Conflict if it is not final or values are not recorded.
    """
    batch = await batch_changes.find_head(database, batch_id)
    if batch is None or not caller.can_see(batch.cnpj):
        raise NotFound("batch_not_found", batch_id=batch_id)
    if batch.finished_at is None:
        raise Conflict("batch_unfinished", batch_id=batch_id)
    if not has_history and batch.kind is not BatchKind.DRY_RUN:
        raise Conflict("history_off")
    return batch


async def summarise(database: Database, batch: BatchHead) -> ChangeSummary:
    """Count the changes of a batch. Raise Conflict if values were not recorded, Gone if no change is kept."""
    counts = await batch_changes.count(database, batch)
    if counts.without_values:
        raise Conflict("history_off")
    if counts.resets:
        return ChangeSummary(counts, inserted=batch.inserted, missing=0)
    if batch.counted and not counts.total:
        raise Gone("changes_expired", batch_id=batch.batch_id)
    missing = max(0, batch.counted - counts.total)
    return ChangeSummary(counts, inserted=counts.inserted, missing=missing)


async def read_all(database: Database, batch: BatchHead, filters: ChangeFilter) -> AsyncIterator[list[BatchChange]]:
    """Yield all changes of a batch, in pages."""
    after = 0
    while changes := await batch_changes.page(database, batch, filters, after, _CHANGES_PER_READ):
        yield changes
        after = changes[-1].product_id


async def find_deactivation(database: Database, batch_id: UUID) -> DeactivationReport:
    """Return the deactivation of a batch that the caller may see.

    Raise Conflict if the batch is not final, Gone if its product ids or its changes are no longer kept.
    """
    report = await absent_products.find_deactivation(database, batch_id)
    if report is None:
        raise NotFound("batch_not_found", batch_id=batch_id)
    if report.finished_at is None:
        raise Conflict("batch_unfinished", batch_id=batch_id)
    is_held = report.state is DeactivationState.HELD
    if (is_held and report.rows_removed_at) or (not is_held and await _is_expired(database, report)):
        raise Gone("changes_expired", batch_id=batch_id)
    return report


async def _is_expired(database: Database, report: DeactivationReport) -> bool:
    return bool(report.deactivated) and not await absent_products.page(database, report, 0, 1, in_stock=None)


async def read_all_absent(
    database: Database, report: DeactivationReport, *, in_stock: bool | None
) -> AsyncIterator[list[AbsentProduct]]:
    """Yield all products that a deactivation switched off or would switch off, in pages."""
    if report.state is DeactivationState.HELD:
        ids = await absent_products.list_held_ids(database, report, in_stock=in_stock)
        for start in range(0, len(ids), _CHANGES_PER_READ):
            yield await absent_products.find_by_ids(database, report, ids[start : start + _CHANGES_PER_READ])
        return
    after = 0
    while products := await absent_products.page(database, report, after, _CHANGES_PER_READ, in_stock=in_stock):
        yield products
        after = products[-1].product_id


def to_item(row: BatchChange | AbsentProduct) -> dict[str, object]:
    """Return a row as the models of the answers describe it; reports are long, so it is not validated as a model."""
    item = msgspec.structs.asdict(row)
    for name in {"price", "stock"} & item.keys():
        item[name] = None if item[name] is None else float(item[name])
    return item


async def to_items(pages: AsyncIterator[list[BatchChange]] | AsyncIterator[list[AbsentProduct]]) -> Pages:
    """Yield rows as the API describes them."""
    async for rows in pages:
        yield [to_item(row) for row in rows]


async def to_lines(pages: AsyncIterator[list[BatchChange]]) -> Pages:
    """Yield one line per changed field, and one without a field for a change that has none."""
    async for rows in pages:
        yield [line for row in rows for line in _lines_of(row)]


def _lines_of(row: BatchChange) -> list[dict[str, object]]:
    fields = row.fields or {"": (None, None)}
    own = {"product_id": row.product_id, "kind": row.kind}
    return [
        own | {"field": name, "before": _to_cell(before), "after": _to_cell(after)}
        for name, (before, after) in fields.items()
    ]


def _to_cell(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value
