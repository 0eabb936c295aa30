"""Answer of GET /v1/products."""

from typing import Any

from pydantic import ConfigDict

from integrahub.api.models.base import Answer

_TITLE, _EAN, _CATEGORY = "DIPIRONA SÓDICA 500MG CX 10 COMP", "7891234567895", "SEM TARJA"
PRODUCT_EXAMPLE: dict[str, Any] = {
    **dict.fromkeys(("id", "productId", "product_id"), 205524),
    **dict.fromkeys(("title", "name"), _TITLE),
    "sku": _EAN,
    "price": 13.42,
    "pricePromo": 12.08,
    "pricePromos": [12.08],
    **dict.fromkeys(("stock", "quantity"), 19.0),
    "ean": _EAN,
    "brand": "GENÉRICO",
    "category": _CATEGORY,
    "description": "Dipirona sódica 500 mg",
    "ncm": "30049024",
    **dict.fromkeys(("image", "imageLink"), ""),
    "cnpj": "05927228000145",
    "isActive": True,
    "updatedAt": "2026-03-01T10:00:00.000Z",
    "lastSeenAt": "2026-03-02T02:00:00.000Z",
}
_PAGINATION: dict[str, Any] = {"page": 1, "limit": 40, "count": 1, "total_pages": 1, "next_cursor": None}


class ProductAnswer(Answer):
    """A product of a pharmacy. Synonyms of a member serve older clients; `rawJson` is the record as posted today."""

    model_config = ConfigDict(json_schema_extra={"examples": [PRODUCT_EXAMPLE]})

    id: int
    productId: int
    product_id: int
    title: str
    name: str
    sku: str
    price: float
    pricePromo: float | None
    pricePromos: list[float]
    stock: float
    quantity: float
    ean: str
    brand: str
    category: str
    description: str
    ncm: str
    image: str
    imageLink: str
    cnpj: str
    isActive: bool
    updatedAt: str
    lastSeenAt: str
    rawJson: dict[str, Any]


class Pagination(Answer):
    """Position in the matching products. `count` is the number of matches; `next_cursor` is null on the last page."""

    page: int
    limit: int
    count: int
    total_pages: int
    next_cursor: str | None


class ProductPage(Answer):
    """Products that match a query."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [PRODUCT_EXAMPLE], "pagination": _PAGINATION}]})

    items: list[ProductAnswer]
    pagination: Pagination
