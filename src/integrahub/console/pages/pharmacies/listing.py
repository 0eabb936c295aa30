"""List of pharmacies: which one is silent or failing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.pages.pharmacies.filters import Entry, ListFilters, PharmacyPage, count_states, select_page
from integrahub.db.console import figures, pharmacies
from integrahub.db.console.pharmacies_rows import PageFigures
from integrahub.domain.freshness.rhythm import PharmacyState
from integrahub.domain.people.roles import Role

_ATTENTION = (PharmacyState.FAILING, PharmacyState.SILENT, PharmacyState.HELD)


@dataclass(frozen=True, slots=True)
class ListView:
    """What the list shows: a page of pharmacies with their figures, and the number of pharmacies by state."""

    filters: ListFilters
    page: PharmacyPage
    figures: Mapping[int, PageFigures]
    sizes: Mapping[int, Sequence[int]]
    counts: Mapping[str, int]
    total: int
    attention: int
    ufs: Sequence[str]


class PharmacyList:
    """The page of all pharmacies."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer with the list."""
        now, reads = self._console.clock(), self._console.reads
        filters = ListFilters.of(request.query_params)
        rejected = await pharmacies.count_rejected(reads) if filters.sort == "rejected" else {}
        entries = [
            Entry(summary, summary.states(now), rejected.get(summary.id, 0))
            for summary in await pharmacies.fetch_overview(reads)
        ]
        page = select_page(entries, filters)
        ids = [entry.summary.id for entry in page.entries]
        view = ListView(
            filters,
            page,
            await pharmacies.fetch_page_figures(reads, ids),
            await figures.find_sizes(reads, ids),
            count_states(entries),
            len(entries),
            sum(any(state in _ATTENTION for state in entry.states) for entry in entries),
            sorted({entry.summary.uf for entry in entries if entry.summary.uf}),
        )
        return self._console.page(request, "pharmacies/list.html", view)


def add_routes(router: APIRouter, console: ConsoleContext) -> None:
    """Add the route of the list."""
    router.add_api_route(
        f"{ROOT}/pharmacies",
        PharmacyList(console).show,
        methods=["GET"],
        response_model=None,
        dependencies=[Depends(require(Role.VIEWER))],
    )
