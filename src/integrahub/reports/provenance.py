"""Where a product came from: the batches that brought or refused it, the origin of its values, and why it is absent."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from integrahub.db.changes.rows import KeptSince
from integrahub.db.console import provenance
from integrahub.db.console.provenance import FoundBatches, SearchLimits
from integrahub.db.console.provenance_rows import (
    ChangeSource,
    ProductDetail,
    ProductIssue,
    Refusal,
    SearchWindow,
    Sighting,
    ValueChange,
)
from integrahub.db.database import Database
from integrahub.domain.batches import ChunkStatus
from integrahub.domain.changes import COMPARED_COLUMNS, STOCK, ChangeKind

_WHOLE_PRODUCT_CODES = ("title_missing", "record_refused")  # of one record, but the whole product is not applied
_OUTCOMES_OF_CHANGES = {
    ChangeKind.INSERTED: "inserted",
    ChangeKind.RESET: "inserted",
    ChangeKind.UPDATED: "updated",
    ChangeKind.REACTIVATED: "reactivated",
}
_OUTCOMES_OF_CHUNKS = {ChunkStatus.FAILED: "dead", ChunkStatus.CANCELLED: "cancelled"}


class Outcome(StrEnum):
    """What became of a product's records in one batch."""

    INSERTED = "inserted"  #: They inserted the product.
    UPDATED = "updated"  #: They changed it.
    REACTIVATED = "reactivated"  #: They made it active again.
    UNCHANGED = "unchanged"  #: The catalogue had the same values, or those of a later batch.
    APPLIED = "applied"  #: They were applied; what changed is no longer recorded.
    REJECTED = "rejected"  #: None was applied.
    WAITING = "waiting"  #: Their chunk is not applied yet.
    DEAD = "dead"  #: Their chunk failed every attempt.
    CANCELLED = "cancelled"  #: An operator cancelled the batch before they were applied.


class Absence(StrEnum):
    """Why a product is not in the catalogue."""

    NO_BATCHES = "no_batches"  #: The pharmacy never sent a catalogue.
    NEVER_RECEIVED = "never_received"  #: No batch that was searched has it.
    REJECTED = "rejected"  #: Its records were rejected.
    WAITING = "waiting"  #: It came in a batch that is not applied yet.
    DEAD = "dead"  #: It came in a chunk that failed every attempt.
    CANCELLED = "cancelled"  #: It came in a batch that was cancelled.
    UNEXPLAINED = "unexplained"  #: It came and was applied, but is not there.


class Appearance(msgspec.Struct, frozen=True):
    """Records of a product in one chunk of a batch, what became of them, and the issues of these records."""

    sighting: Sighting
    outcome: Outcome
    issues: list[ProductIssue]


class Provenance(msgspec.Struct, frozen=True):
    """Batches of the window that brought the product or refused it: the newest of them, and their numbers."""

    window: SearchWindow
    appearances: list[Appearance]
    refusals: list[Refusal]

    @property
    def brought(self) -> int:
        """Return the number of batches with records of the product."""
        return self.appearances[0].sighting.batches if self.appearances else 0

    @property
    def refused(self) -> int:
        """Return the number of batches that rejected a record of the product."""
        return self.refusals[0].batches if self.refusals else 0


class Origin(msgspec.Struct, frozen=True):
    """The change since which a column has its value. `before` is None if the product was inserted."""

    change: ValueChange
    source: ChangeSource | None
    before: Any
    is_first: bool


class ProductStory(msgspec.Struct, frozen=True):
    """A product, the origin of each of its columns as far as it is recorded, and its last deactivation."""

    product: ProductDetail
    origins: dict[str, Origin]
    latest: Origin | None
    deactivation: Origin | None


async def find_provenance(
    database: Database, pharmacy_id: int, product_id: int, before: int | None, limits: SearchLimits
) -> Provenance:
    """Search the newest batches before the number `before`, and say what each did with the product."""
    return _to_provenance(await provenance.find_batches(database, pharmacy_id, product_id, before, limits))


def _to_provenance(found: FoundBatches) -> Provenance:
    issues: dict[tuple[UUID, int], list[ProductIssue]] = {}
    for issue in found.issues:
        issues.setdefault((issue.batch_id, issue.chunk), []).append(issue)
    changes = {change.seq: change.kind for change in sorted(found.changes, key=lambda change: change.kind != "reset")}
    appearances = []
    for sighting in found.sightings:
        own = issues.get((sighting.batch_id, sighting.chunk), [])
        outcome = _to_outcome(sighting, own, changes.get(sighting.received_seq), _complete_since(found.kept))
        appearances.append(Appearance(sighting, outcome, own))
    return Provenance(found.window, appearances, found.refusals)


def _complete_since(kept: KeptSince) -> datetime | None:
    return max((moment for moment in (kept.others, kept.stock) if moment), default=None)


def _to_outcome(
    sighting: Sighting, issues: list[ProductIssue], change: ChangeKind | None, complete_since: datetime | None
) -> Outcome:
    if sighting.chunk_status is not ChunkStatus.COMPLETED:
        return Outcome(_OUTCOMES_OF_CHUNKS.get(sighting.chunk_status, "waiting"))
    rejected = [issue for issue in issues if issue.severity == "rejected"]
    if len(rejected) >= sighting.records or any(issue.code in _WHOLE_PRODUCT_CODES for issue in rejected):
        return Outcome.REJECTED
    if change in _OUTCOMES_OF_CHANGES:
        return Outcome(_OUTCOMES_OF_CHANGES[change])
    is_complete = complete_since is None or sighting.received_at >= complete_since
    return Outcome.UNCHANGED if is_complete else Outcome.APPLIED


def explain_absence(found: Provenance) -> Absence:
    """Return why a product is not in the catalogue. The newest batch that could still bring it comes first."""
    outcomes = [appearance.outcome for appearance in found.appearances]
    for outcome in (Outcome.WAITING, Outcome.DEAD, Outcome.REJECTED, Outcome.CANCELLED):
        if outcome in outcomes:
            return Absence(outcome.value)
    if found.refusals:
        return Absence.REJECTED
    if outcomes:
        return Absence.UNEXPLAINED
    return Absence.NEVER_RECEIVED if found.window.batches else Absence.NO_BATCHES


async def read_story(database: Database, pharmacy_id: int, product_id: int) -> ProductStory | None:
    """Return a product with the origin of its values, or None."""
    product = await provenance.find_product(database, pharmacy_id, product_id)
    if product is None:
        return None
    changes, kept = await provenance.list_value_changes(database, pharmacy_id, product_id)
    origins = find_origins(changes)
    if STOCK in origins and kept.stock and origins[STOCK].at < kept.stock:
        del origins[STOCK]  # a later change of the stock alone may be deleted
    latest = next((change for change in changes if change.kind is not ChangeKind.DEACTIVATED), None)
    deactivation = next((change for change in changes if change.kind is ChangeKind.DEACTIVATED), None)
    shown = [*origins.values(), *(change for change in (latest, deactivation) if change)]
    sources = await _find_sources(database, product_id, shown)

    def to_origin(change: ValueChange, name: str = "") -> Origin:
        is_first = change.kind in (ChangeKind.INSERTED, ChangeKind.RESET)
        before = (change.fields or {}).get(name, (None, None))[0]
        return Origin(change, sources.get(change.batch_id), before, is_first)

    return ProductStory(
        product,
        {name: to_origin(change, name) for name, change in origins.items()},
        to_origin(latest) if latest else None,
        to_origin(deactivation) if deactivation and not product.is_active else None,
    )


def find_origins(changes: Iterable[ValueChange]) -> dict[str, ValueChange]:
    """Return, by column, the change since which the product has its value, from changes with the newest first.

    A column that no recorded change names has its value since the product was inserted, if that is recorded.
    """
    origins: dict[str, ValueChange] = {}
    for change in changes:
        if change.fields is None and change.kind is ChangeKind.UPDATED:
            break  # the values of this change were not recorded, and any column may have changed
        is_first = change.kind in (ChangeKind.INSERTED, ChangeKind.RESET)
        for name in COMPARED_COLUMNS if is_first else change.fields or ():
            origins.setdefault(name, change)
        if is_first:
            break
    return origins


async def _find_sources(database: Database, product_id: int, changes: list[ValueChange]) -> dict[UUID, ChangeSource]:
    wanted = {change.batch_id: change.applied_at for change in changes}
    return await provenance.find_sources(database, product_id, list(wanted.items())) if wanted else {}
