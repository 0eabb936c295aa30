"""The decision on a held deactivation: deactivate the products, or keep all active."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.audit import Audit
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, perform
from integrahub.console.context import ConsoleContext
from integrahub.console.forms import read_form
from integrahub.console.navigation import ROOT
from integrahub.console.pages.batches_files import Files
from integrahub.console.pages.decisions import PASSWORD_ABOVE
from integrahub.console.translations import N_
from integrahub.db.batches.report_rows import AbsentProduct, DeactivationReport
from integrahub.db.console import decisions
from integrahub.domain.batches import DeactivationState
from integrahub.domain.errors import Conflict, NotFound
from integrahub.domain.people.roles import Role
from integrahub.reports import batch_changes

Operator = Annotated[Person, Depends(require(Role.OPERATOR))]
PRODUCT_HEADINGS = {
    "product_id": N_("Product"),
    "title": N_("Title"),
    "ean": "EAN",
    "price": N_("Price"),
    "stock": N_("Stock"),
}
_MAX_NOTE = 500


class DecisionActs:
    """Approve or reject a held deactivation, with an entry of the audit log."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._decisions = console.hub.decisions()
        self._audit = Audit(console.database)
        self._files = Files(console)

    async def approve(self, request: Request, batch_id: UUID, person: Operator) -> Response:
        """Deactivate the products, if the person typed how many there are."""
        form = await read_form(request)

        async def act() -> Done:
            async with self._audit.on_batch(person.caller, "batch.approve", batch_id) as context:
                count = await self._check_count(batch_id, form.get("count", ""))
                context.after = {"products": count, "note": form.get("note", "")[:_MAX_NOTE]}
                if count > PASSWORD_ABOVE:
                    await self._console.accounts.confirm(person, form)
                if not await self._decisions.approve(batch_id):
                    raise Conflict("nothing_held")
            return Done(N_("%(count)s products are being deactivated."), {"count": count})

        page = f"{ROOT}/decisions/{batch_id}"
        return await perform(request, page, act, back_if_refused=f"{page}?confirm=1")

    async def reject(self, request: Request, batch_id: UUID, person: Operator) -> Response:
        """Keep all products active."""
        form = await read_form(request)

        async def act() -> Done:
            async with self._audit.on_batch(person.caller, "batch.reject", batch_id) as context:
                context.after = {"note": form.get("note", "")[:_MAX_NOTE]}
                if not await self._decisions.reject(batch_id):
                    raise Conflict("nothing_held")
            return Done(N_("All products stay active."))

        return await perform(request, f"{ROOT}/decisions/{batch_id}", act)

    async def _check_count(self, batch_id: UUID, typed: str) -> int:
        """Return how many products would go now. Raise Conflict if none is held, or another number was typed."""
        decision = await decisions.find(self._console.reads, batch_id)
        if decision is None or not decision.is_held:
            raise Conflict("nothing_held")
        counts = await decisions.count_absent(self._console.reads, decision)
        if "".join(typed.split()).replace(".", "").replace(",", "") != str(counts.absent):
            raise Conflict("count_not_confirmed", count=counts.absent, typed=typed[:20])
        return counts.absent

    async def products(self, request: Request, batch_id: UUID) -> Response:
        """Answer with the products that would go, or went, as CSV."""
        report = await batch_changes.find_deactivation(self._console.reads, batch_id)
        if report.state is DeactivationState.NONE:
            raise NotFound("batch_not_found", batch_id=batch_id)
        pages = batch_changes.to_items(self._read_all(report))
        return self._files.csv(request, pages, PRODUCT_HEADINGS, f"{batch_id}-products.csv")

    def _read_all(self, report: DeactivationReport) -> AsyncIterator[list[AbsentProduct]]:
        return batch_changes.read_all_absent(self._console.reads, report, in_stock=None)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of decisions."""
    acts, router = DecisionActs(console), APIRouter()
    operator, viewer = [Depends(require(Role.OPERATOR))], [Depends(require(Role.VIEWER))]
    path = f"{ROOT}/decisions/{{batch_id}}"
    router.add_api_route(f"{path}/approve", acts.approve, methods=["POST"], dependencies=operator, response_model=None)
    router.add_api_route(f"{path}/keep", acts.reject, methods=["POST"], dependencies=operator, response_model=None)
    router.add_api_route(
        f"{path}/products.csv", acts.products, methods=["GET"], dependencies=viewer, response_model=None
    )
    return router
