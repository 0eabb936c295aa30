"""Query string of GET /v1/products: unreadable `page` and `limit` take their defaults, other values are refused."""

from datetime import datetime
from decimal import Decimal, InvalidOperation

import msgspec

from integrahub.db.products.rows import ProductFilters
from integrahub.db.products.search import SORTS, PageRequest, page_after
from integrahub.domain.cursors import InvalidCursor
from integrahub.domain.errors import BadRequest
from integrahub.domain.messages.message import Message
from integrahub.domain.untrusted_text import match_part

_DEFAULT_LIMIT, _MAX_LIMIT = 40, 100
_MAX_PAGE = 10_000_000
_DEFAULT_SORT = "-updated"
_TEXTS = ("q", "ean", "category", "brand")
_MAX_TEXT_CHARACTERS = 100  # the cost of a search grows with text times pattern
_MAX_VALUE_CHARACTERS = 40  # of a refused value, in its message
_MAX_AMOUNT_EXPONENT = 30
_AMOUNT = Message("um número, por exemplo 12,50", "a number, for example 12.50")


class ProductQuery(msgspec.Struct, frozen=True):
    """What a client searches for."""

    page: int
    limit: int
    sort: str
    cursor: str
    filters: ProductFilters

    def page_request(self) -> PageRequest:
        """Return the page to read: after the cursor, or by its number.

        Raise BadRequest if the cursor is not one of the hub's, or of another sort.
        """
        if not self.cursor:
            return PageRequest(self.sort, self.limit, (self.page - 1) * self.limit, None, None)
        try:
            return page_after(self.cursor, self.sort, self.limit)
        except InvalidCursor:
            raise BadRequest("cursor_invalid") from None


def read_product_query(params: dict[str, str]) -> ProductQuery:
    """Return the query. Raise BadRequest for a value that cannot be read, except `page` and `limit`."""
    if any("\0" in value for value in params.values()):
        raise BadRequest("query_has_nul")
    for name in _TEXTS:
        if len(params.get(name, "")) > _MAX_TEXT_CHARACTERS:
            raise BadRequest("query_too_long", name=name, length=len(params[name]), limit=_MAX_TEXT_CHARACTERS)
    sort = params.get("sort") or _DEFAULT_SORT
    if sort not in SORTS:
        raise _unreadable("sort", sort, " | ".join(SORTS))
    page = _read_number(params.get("page"), 1, _MAX_PAGE)
    limit = _read_number(params.get("limit"), _DEFAULT_LIMIT, _MAX_LIMIT)
    return ProductQuery(page, limit, sort, params.get("cursor", ""), _read_filters(params))


def _read_filters(params: dict[str, str]) -> ProductFilters:
    return ProductFilters(
        q=_to_like_pattern(params.get("q")),
        ean=params.get("ean") or None,
        category=params.get("category") or None,
        brand=params.get("brand") or None,
        price_min=_read_amount("price_min", params.get("price_min")),
        price_max=_read_amount("price_max", params.get("price_max")),
        stock_min=_read_amount("stock_min", params.get("stock_min")),
        in_stock=_read_flag("in_stock", params.get("in_stock")),
        promo=_read_flag("promo", params.get("promo")),
        updated_since=_read_time("updated_since", params.get("updated_since")),
        include_inactive=bool(_read_flag("include_inactive", params.get("include_inactive"))),
    )


def _unreadable(name: str, value: str, expected: object) -> BadRequest:
    return BadRequest("value_unreadable", name=name, value=value[:_MAX_VALUE_CHARACTERS], expected=expected)


def _read_number(text: str | None, default: int, maximum: int) -> int:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        return default
    return min(int(text), maximum)


def _read_amount(name: str, text: str | None) -> Decimal | None:
    if not text or not text.strip():
        return None
    try:
        amount = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise _unreadable(name, text, _AMOUNT) from None
    if not amount.is_finite() or abs(amount.adjusted()) > _MAX_AMOUNT_EXPONENT:
        raise _unreadable(name, text, _AMOUNT)
    return amount


def _read_flag(name: str, text: str | None) -> bool | None:
    if not text:
        return None
    if text.lower() in ("true", "1", "false", "0"):
        return text.lower() in ("true", "1")
    raise _unreadable(name, text, "true | false")


def _read_time(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.replace(" ", "+"))  # clients forget to encode the `+` of an offset
    except ValueError:
        raise _unreadable(name, text, "2026-03-01T10:00:00Z") from None


def _to_like_pattern(text: str | None) -> str | None:
    if not text or not text.strip():
        return None
    return match_part(text.strip())
