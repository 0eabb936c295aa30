"""Held deactivations, and the evidence for a decision on one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from msgspec.structs import asdict

from integrahub.db.batches import deactivation
from integrahub.db.console.batch_rows import (
    AbsentCategory,
    AbsentCounts,
    AbsentLine,
    Decision,
    DecisionEntry,
    FormerFull,
    HeldBatch,
    RelatedBatch,
)
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.untrusted_text import match_part

_SQL = load_queries(__name__)
_EVIDENCE = _SQL["judged"] + " " + _SQL["evidence"]
_PRODUCTS = _SQL["judged"] + " " + _SQL["products"]
_MERGE_PLAN = _SQL["force_merge_antijoin"]
_FIRST_CURSOR = (datetime.min, UUID(int=0))
ProductSort = Literal["product_id", "stock", "price", "updated"]


class _Evidence(AbsentCounts, frozen=True):
    """The counts, and the categories of which every active product is absent."""

    categories: list[AbsentCategory]


@dataclass(frozen=True, slots=True)
class AbsentEvidence:
    """Counts of the products that would go, categories that are absent whole, and the sizes of former FULLs."""

    counts: AbsentCounts
    categories: list[AbsentCategory]
    former_fulls: list[FormerFull]


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Which of the products that would go: with a text, with stock; after a sort key and an id."""

    q: str | None = None
    in_stock: bool = False
    sort: ProductSort = "product_id"
    after: tuple[float, int] | None = None
    limit: int = 50


async def list_held(
    database: Database, q: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[HeldBatch]:
    """Return one page of the held deactivations, oldest first; `q` is a CNPJ or a part of a name."""
    after_date, after_id = after or _FIRST_CURSOR
    pattern = None if q is None else match_part(q)
    params = {"q": q, "pattern": pattern, "after": after_date, "after_id": after_id, "limit": limit}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["held"], params, HeldBatch)


async def find(database: Database, batch_id: UUID) -> Decision | None:
    """Return the decision on a batch, or None if its deactivation was never held."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["decision"], {"batch_id": batch_id}, Decision)


async def count_absent(database: Database, decision: Decision) -> AbsentCounts:
    """Count the products that an approval would deactivate now."""
    async with database.transaction() as connection:
        return await _read_evidence(connection, decision)


async def find_evidence(database: Database, decision: Decision) -> AbsentEvidence:
    """Return the evidence for a decision on a held deactivation."""
    async with database.transaction() as connection:
        former = await fetch_all(connection, _SQL["former_fulls"], asdict(decision), FormerFull)
        evidence = await _read_evidence(connection, decision)
    return AbsentEvidence(evidence, evidence.categories, former)


async def _read_evidence(connection: Connection, decision: Decision) -> _Evidence:
    await deactivation.force_plan(connection)
    evidence = await fetch_one(connection, _EVIDENCE, asdict(decision), _Evidence)
    assert evidence is not None
    return evidence


def plan_statement(sort: ProductSort) -> LiteralString:
    """Return the statement that forces the plan of `page_statement` until the transaction ends."""
    return _MERGE_PLAN if sort == "product_id" else deactivation.HASH_PLAN


def page_statement(sort: ProductSort) -> LiteralString:
    """Return the statement that lists one page of the products in an order."""
    return _PRODUCTS + " " + (_SQL["page_by_id"] if sort == "product_id" else _SQL["sorted_page"])


async def list_absent(database: Database, decision: Decision, page: ProductPage) -> list[AbsentLine]:
    """Return one page of the products that an approval would deactivate now."""
    after_key, after_id = page.after or (None, None)
    pattern = None if page.q is None else match_part(page.q)
    params = asdict(decision) | {"q": page.q, "pattern": pattern, "in_stock": page.in_stock, "sort": page.sort}
    params |= {"after_key": after_key, "after_id": after_id, "limit": page.limit}
    async with database.transaction() as connection:
        await connection.execute(plan_statement(page.sort))
        return await fetch_all(connection, page_statement(page.sort), params, AbsentLine)


async def find_outcome(database: Database, decision: Decision) -> tuple[DecisionEntry | None, RelatedBatch | None]:
    """Return who decided, as far as the audit log knows, and the first complete FULL since."""
    params = asdict(decision) | {"subject": str(decision.batch_id)}
    async with database.transaction() as connection:
        entry = await fetch_one(connection, _SQL["entries"], params, DecisionEntry)
        return entry, await fetch_one(connection, _SQL["replaced_by"], params, RelatedBatch)
