"""Search of products: which pharmacy, then its products, and what is said when none matches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.page_cursors import split_page
from integrahub.console.pages.products.shared import PATH, find_pharmacy, parse_product_id, record_messages, render
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.console import provenance
from integrahub.db.console import search as hub_search
from integrahub.db.console.provenance import SearchLimits
from integrahub.db.console.provenance_rows import Refusal, SearchWindow
from integrahub.db.console.search import PharmacyHit
from integrahub.db.products import search
from integrahub.db.products.rows import ProductFilters, ProductRow
from integrahub.db.products.search import PageRequest
from integrahub.domain.cursors import InvalidCursor
from integrahub.domain.errors import BadRequest
from integrahub.domain.people.roles import Role
from integrahub.domain.untrusted_text import match_part

SORTS = ("-updated", "title", "product_id", "price", "-price", "stock", "-stock")
SINCE = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_PAGE_ROWS = 50
MAX_MATCHES = 1000  # of a search that are counted and sorted, those with the lowest ids
_MAX_TEXT_CHARACTERS = 100  # the cost of a search grows with text times pattern
MAX_LISTED = 10_000  # products of a catalogue; more are "more than"
_EAN_LENGTHS = (8, 12, 13, 14)


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """What a person searches for, as the address says it. `active`: yes, or empty for all."""

    q: str
    ean: str
    active: str
    since: str
    sort: str
    cursor: str

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is searched for."""
        return not (self.active or self.is_search)

    @property
    def is_search(self) -> bool:
        """Return whether only some products match: not all, nor all that are active."""
        return bool(self.q or self.ean or self.since)

    @property
    def most(self) -> int:
        """Return up to how many products are counted: of the whole catalogue, or of the matches of a search."""
        return MAX_MATCHES if self.is_search else MAX_LISTED


@dataclass(frozen=True, slots=True)
class AbsentEan:
    """Rejected records with an EAN that no product has, and where the search looked."""

    ean: str
    window: SearchWindow
    refusals: Sequence[Refusal]


@dataclass(frozen=True, slots=True)
class ProductListView:
    """What the page of products shows. `exact` are those whose id or EAN was typed; they precede all others."""

    pharmacy: Pharmacy
    query: ProductQuery
    exact: Sequence[ProductRow]
    products: Sequence[ProductRow]
    matching: int
    next_cursor: str | None
    typed_id: int | None
    absent_ean: AbsentEan | None
    message: Callable[[str], str]

    @property
    def shown(self) -> Sequence[ProductRow]:
        """Return the products of the page."""
        return [*self.exact, *self.products]


@dataclass(frozen=True, slots=True)
class PharmacyChoice:
    """Pharmacies among which a person chooses before the search of products.

    With `product_id` each leads to this product, which no catalogue may have.
    """

    product_id: int | None
    q: str
    pharmacy: str
    pharmacies: Sequence[PharmacyHit]
    is_cut: bool


class ProductLists:
    """The pages that search products."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def choose(self, request: Request) -> Response:
        """Answer with the pharmacies that match; with the products of one that matches alone."""
        text, q = (request.query_params.get(name, "").strip()[:_MAX_TEXT_CHARACTERS] for name in ("pharmacy", "q"))
        product_id = parse_product_id(request.query_params.get("id", ""))
        found = await hub_search.find_pharmacies(self._console.reads, text, _cnpj_prefix(text))
        is_cut = len(found) == hub_search.MAX_HITS
        if text and len(found) == 1:
            address = PATH.format(cnpj=found[0].cnpj)
            if product_id is not None:
                return RedirectResponse(f"{address}/{product_id}", 303)
            return RedirectResponse(f"{address}?{urlencode({'q': q})}" if q else address, 303)
        return self._console.page(request, "products/choose.html", PharmacyChoice(product_id, q, text, found, is_cut))

    async def find(self, request: Request, cnpj: str) -> Response:
        """Answer with one page of the products that match."""
        pharmacy = await find_pharmacy(self._console, cnpj)
        query = _read_query(request)
        view = await self._search(pharmacy, query, record_messages(self._console, request))
        return render(self._console, request, "products/list.html", view, pharmacy)

    async def _search(self, pharmacy: Pharmacy, query: ProductQuery, message: Callable[[str], str]) -> ProductListView:
        reads = self._console.reads
        exact = [] if query.cursor else await self._find_exact(pharmacy, query)
        page = await search.search(reads, pharmacy.id, self._filters(query), _page_request(query))
        known = {product.product_id for product in exact}
        found, last = split_page(list(page.products), _PAGE_ROWS)
        products = [product for product in found if product.product_id not in known]
        ean = query.ean or (query.q if query.q.isdecimal() and len(query.q) in _EAN_LENGTHS else "")
        absent = None
        if ean and not exact and not products:
            window, refusals = await provenance.find_refusals(reads, pharmacy.id, ean, SearchLimits())
            absent = AbsentEan(ean, window, refusals)
        return ProductListView(
            pharmacy=pharmacy,
            query=query,
            exact=exact,
            products=products,
            matching=max(page.matching, len(exact) + len(products)),
            next_cursor=search.cursor_of(last, query.sort, page.settled_until) if last else None,
            typed_id=parse_product_id(query.q),
            absent_ean=absent,
            message=message,
        )

    async def _find_exact(self, pharmacy: Pharmacy, query: ProductQuery) -> list[ProductRow]:
        """Return the products whose id or EAN is the text."""
        product_id = parse_product_id(query.q)
        if product_id is None:
            return []
        found = await search.find(self._console.reads, pharmacy.id, product_id)
        filters = ProductFilters(ean=query.q, include_inactive=True)
        by_ean = await search.search(self._console.reads, pharmacy.id, filters, PageRequest("product_id", _PAGE_ROWS))
        others = [product for product in by_ean.products if product.product_id != product_id]
        return [*([found] if found else []), *others]

    def _filters(self, query: ProductQuery) -> ProductFilters:
        since = SINCE.get(query.since)
        return ProductFilters(
            q=match_part(query.q) if query.q else None,
            ean=query.ean or None,
            updated_since=self._console.clock() - since if since else None,
            include_inactive=query.active != "yes",
        )


def _cnpj_prefix(text: str) -> str:
    """Return the beginning of a CNPJ without its punctuation; '' if the text is none."""
    digits = text.translate(str.maketrans("", "", "./- "))
    return digits if digits.isascii() and digits.isdecimal() else ""


def _read_query(request: Request) -> ProductQuery:
    params = request.query_params
    q, ean = (params.get(name, "").strip().replace("\0", "")[:_MAX_TEXT_CHARACTERS] for name in ("q", "ean"))
    sort, since = params.get("sort", ""), params.get("since", "")
    since = since if since in SINCE else ""
    return ProductQuery(
        q=q,
        ean=ean,
        active="yes" if params.get("active") == "yes" else "",
        since=since,
        sort=sort if sort in SORTS else _default_sort(q, is_narrowed=bool(ean or since)),
        cursor=params.get("cursor", ""),
    )


def _default_sort(q: str, *, is_narrowed: bool) -> str:
    """Return the order of a list for which no person chose one: any but the id reads all that match."""
    if q:
        return "title"
    return "-updated" if is_narrowed else "product_id"


def _page_request(query: ProductQuery) -> PageRequest:
    if not query.cursor:
        return PageRequest(query.sort, _PAGE_ROWS + 1, most=query.most + 1)
    try:
        return search.page_after(query.cursor, query.sort, _PAGE_ROWS + 1, query.most + 1)
    except InvalidCursor:
        raise BadRequest("cursor_invalid") from None


def add_routes(router: APIRouter, console: ConsoleContext) -> None:
    """Add the routes of the search."""
    pages, viewer = ProductLists(console), [Depends(require(Role.VIEWER))]
    router.add_api_route(f"{ROOT}/products", pages.choose, methods=["GET"], dependencies=viewer, response_model=None)
    router.add_api_route(PATH, pages.find, methods=["GET"], dependencies=viewer, response_model=None)
