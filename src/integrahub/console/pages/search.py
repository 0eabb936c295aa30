"""Typed search: what a text is decides where it is looked for."""

from dataclasses import dataclass

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.search_terms import SearchTerms
from integrahub.db.console import search
from integrahub.db.console.search import MAX_HITS, BatchHit, CauseHit, CodeHit, PharmacyHit, ProductHit
from integrahub.domain.messages.batches import BATCH_MESSAGES
from integrahub.domain.messages.bodies import BODY_MESSAGES
from integrahub.domain.people.roles import Role

_MAX_TEXT = 200
_MIN_TEXT = 2  # letters, below which names and errors are not searched
_FAILURE_MESSAGES = BODY_MESSAGES | BATCH_MESSAGES


@dataclass(frozen=True, slots=True)
class SearchView:
    """What a search found, by kind."""

    terms: SearchTerms
    pharmacies: list[PharmacyHit]
    batches: list[BatchHit]
    products: list[ProductHit]
    causes: list[CauseHit]
    codes: list[CodeHit]

    @property
    def total(self) -> int:
        """Return how many things were found."""
        places = (self.pharmacies, self.batches, self.products, self.causes, self.codes)
        return sum(len(found) for found in places)

    @property
    def has_more(self) -> bool:
        """Return whether more of a kind may match than is shown."""
        return any(len(found) >= MAX_HITS for found in (self.pharmacies, self.batches, self.products, self.causes))


class SearchPage:
    """The page of results. A single pharmacy or batch, found by its whole id, is opened at once."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer with what was found, or with a redirect to it."""
        terms = SearchTerms.parse(request.query_params.get("q", "")[:_MAX_TEXT])
        view = await self._find(terms)
        if view.total == 1 and terms.cnpj and view.pharmacies:
            return _open(f"{ROOT}/pharmacies/{view.pharmacies[0].cnpj}")
        if view.total == 1 and view.batches:
            return _open(f"{ROOT}/batches/{view.batches[0].id}")
        if view.total == 1 and view.products and (terms.ean or terms.product_id):
            product = view.products[0]
            return _open(f"{ROOT}/pharmacies/{product.cnpj}/products/{product.product_id}")
        return self._console.page(request, "search/results.html", view)

    async def _find(self, terms: SearchTerms) -> SearchView:
        database, is_text = self._console.reads, len(terms.text) >= _MIN_TEXT
        prefix = terms.cnpj or terms.cnpj_prefix
        return SearchView(
            terms=terms,
            pharmacies=await search.find_pharmacies(database, terms.text, prefix) if is_text else [],
            batches=await self._find_batches(terms),
            products=await search.find_products(database, product_id=terms.product_id, ean=terms.ean),
            causes=await search.find_causes(database, terms.text) if is_text else [],
            codes=await search.find_failed_codes(database, _codes_with(terms.text)) if is_text else [],
        )

    async def _find_batches(self, terms: SearchTerms) -> list[BatchHit]:
        if terms.ids:
            return await search.find_batches(self._console.reads, terms.ids)
        return await search.find_latest_batches(self._console.reads, terms.suffix) if terms.suffix else []


def _codes_with(text: str) -> list[str]:
    """Return the codes of failures whose name or message contains a text."""
    folded = text.casefold()
    return [
        code
        for code, message in _FAILURE_MESSAGES.items()
        if folded in code or folded in message.pt.casefold() or folded in message.en.casefold()
    ]


def _open(path: str) -> Response:
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the route of the search."""
    page, router = SearchPage(console), APIRouter()
    viewer = [Depends(require(Role.VIEWER))]
    router.add_api_route(f"{ROOT}/search", page.show, methods=["GET"], dependencies=viewer, response_model=None)
    return router
