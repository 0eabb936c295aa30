"""Held deactivations: the list, and for one the evidence, the products that would go, and the decision."""

from dataclasses import dataclass
from typing import Any, get_args
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.page_cursors import decode_cursor, read_time, split_page
from integrahub.console.rendering import LIVE_HEADER
from integrahub.db.batches import reports
from integrahub.db.console import batches, decisions
from integrahub.db.console.batch_rows import (
    AbsentLine,
    BatchFacts,
    Decision,
    DecisionEntry,
    HeldBatch,
    RelatedBatch,
)
from integrahub.db.console.decisions import AbsentEvidence, ProductPage, ProductSort
from integrahub.db.products import search
from integrahub.db.products.rows import CatalogueVersion
from integrahub.domain import cursors
from integrahub.domain.batches import DeactivationState
from integrahub.domain.errors import NotFound
from integrahub.domain.people.roles import Role
from integrahub.domain.pharmacies import unmask
from integrahub.domain.views.batch import BatchView, view_batch
from integrahub.resilience.shared_results import SharedResults

PAGE_SIZE = 50
PASSWORD_ABOVE = 1000  # products: an approval of more asks for the password again
_MAX_TEXT = 200
_EVIDENCE_TTL_SECONDS = 5.0  # while a batch is applied: each reader of a page shares the count of a large catalogue
_SETTLED_TTL_SECONDS = 600.0  # as long as the catalogue stays the same
_MAX_EVIDENCE = 100
_STATE_BLOCK = "state"  # the live block that shows no products


@dataclass(frozen=True, slots=True)
class HeldListView:
    """The held deactivations, oldest first."""

    rows: list[HeldBatch]
    q: str
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DecisionView:
    """The decision on one batch; without `evidence` nothing is held any more, and `entry` says who decided."""

    batch: BatchView
    facts: BatchFacts
    decision: Decision
    limit: float
    evidence: AbsentEvidence | None
    products: list[AbsentLine]
    q: str
    in_stock: bool
    sort: str
    next_cursor: str | None
    entry: DecisionEntry | None
    replaced_by: RelatedBatch | None
    approval: BatchView | None

    @property
    def is_open(self) -> bool:
        """Return whether a person can decide: the deactivation is held, and no approval of it is queued."""
        return self.batch.deactivation.state is DeactivationState.HELD and not self.is_pending

    @property
    def is_pending(self) -> bool:
        """Return whether an approval waits for its turn or is being applied."""
        return self.approval is not None and self.approval.finished_at is None

    @property
    def asks_password(self) -> bool:
        """Return whether an approval asks for the password again: it deactivates more than PASSWORD_ABOVE products."""
        return self.evidence is not None and self.evidence.counts.absent > PASSWORD_ABOVE

    @property
    def is_file_complete(self) -> bool:
        """Return whether the end of the file was seen, or its number of records is the one that was announced."""
        claimed = self.decision.item_count_claimed
        is_array = self.decision.media_type == "application/json"
        return claimed == self.batch.items_total if claimed is not None else is_array


class DecisionPages:
    """Pages of held deactivations."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._evidence = SharedResults[UUID, AbsentEvidence](_EVIDENCE_TTL_SECONDS, _MAX_EVIDENCE)
        self._settled = SharedResults[tuple[UUID, CatalogueVersion], AbsentEvidence](
            _SETTLED_TTL_SECONDS, _MAX_EVIDENCE
        )

    async def show_list(self, request: Request) -> Response:
        """Answer with the held deactivations."""
        query = request.query_params
        q = query.get("q", "")[:_MAX_TEXT].replace("\x00", "").strip()
        text = unmask(q) if len(unmask(q)) == 14 else q
        values = decode_cursor(query.get("cursor"), read_time, UUID)
        after = (values[0], values[1]) if values else None
        rows, last = split_page(
            await decisions.list_held(self._console.reads, text or None, after, PAGE_SIZE + 1), PAGE_SIZE
        )
        cursor = cursors.encode(last.received_at.isoformat(), str(last.id)) if last else None
        return self._console.page(request, "decisions/list.html", HeldListView(rows, q, cursor))

    async def show(self, request: Request, batch_id: UUID) -> Response:
        """Answer with the decision on one batch."""
        database = self._console.reads
        report, facts = await reports.show(database, batch_id), await batches.find_facts(database, batch_id)
        decision = await decisions.find(database, batch_id)
        if report is None or facts is None or decision is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        is_held = report.deactivation_state is DeactivationState.HELD and not decision.rows_removed_at
        page = _product_page(request)
        products, last = await self._list_products(request, decision, page) if is_held else ([], None)
        entry, replaced_by = await decisions.find_outcome(database, decision)
        view = DecisionView(
            batch=view_batch(report, self._console.renderer.language_of(request)),
            facts=facts,
            decision=decision,
            limit=self._limit_of(decision),
            evidence=await self.find_evidence(decision) if is_held else None,
            products=products,
            q=page.q or "",
            in_stock=page.in_stock,
            sort=page.sort,
            next_cursor=_next_cursor(last),
            entry=entry,
            replaced_by=replaced_by if report.deactivation_state is DeactivationState.SUPERSEDED else None,
            approval=await self._find_approval(request, decision),
        )
        return self._console.renderer.page(request, "decisions/decision.html", view, zone=facts.time_zone)

    async def find_evidence(self, decision: Decision) -> AbsentEvidence:
        """Return the evidence for a decision: of the catalogue as it is, or some seconds old while it changes."""
        reads = self._console.reads
        version = await search.catalogue_version(reads, decision.pharmacy_id)
        if version is None or version.turn is not None:
            return await self._evidence(decision.batch_id, lambda: decisions.find_evidence(reads, decision))
        return await self._settled((decision.batch_id, version), lambda: decisions.find_evidence(reads, decision))

    async def _list_products(
        self, request: Request, decision: Decision, page: ProductPage
    ) -> tuple[list[AbsentLine], AbsentLine | None]:
        """Return a page of products and its last one, if more follow; none for a live block that shows none."""
        if request.headers.get(LIVE_HEADER) == _STATE_BLOCK:
            return [], None
        return split_page(await decisions.list_absent(self._console.reads, decision, page), PAGE_SIZE)

    def _limit_of(self, decision: Decision) -> float:
        limit = decision.deactivation_limit
        return self._console.hub.settings.deactivation_limit if limit is None else limit

    async def _find_approval(self, request: Request, decision: Decision) -> BatchView | None:
        if decision.pending_id is None:
            return None
        report = await reports.show(self._console.reads, decision.pending_id)
        return view_batch(report, self._console.renderer.language_of(request)) if report else None


def _product_page(request: Request) -> ProductPage:
    query = request.query_params
    q = query.get("q", "")[:_MAX_TEXT].replace("\x00", "").strip()
    sort: Any = query.get("sort") if query.get("sort") in get_args(ProductSort) else "product_id"
    values = decode_cursor(query.get("cursor"), float, int)
    after = (values[0], values[1]) if values else None
    return ProductPage(q or None, in_stock=query.get("in_stock") == "1", sort=sort, after=after, limit=PAGE_SIZE + 1)


def _next_cursor(last: AbsentLine | None) -> str | None:
    return cursors.encode(str(last.sort_key), last.product_id) if last else None


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes that show decisions."""
    pages, router = DecisionPages(console), APIRouter()
    viewer = [Depends(require(Role.VIEWER))]
    router.add_api_route(
        f"{ROOT}/decisions", pages.show_list, methods=["GET"], dependencies=viewer, response_model=None
    )
    router.add_api_route(
        f"{ROOT}/decisions/{{batch_id}}", pages.show, methods=["GET"], dependencies=viewer, response_model=None
    )
    return router
