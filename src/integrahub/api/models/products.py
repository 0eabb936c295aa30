"""Answer of GET /v1/products."""

from typing import Any

from integrahub.api.models.base import Answer


class ProductAnswer(Answer):
    """A product of a pharmacy. Synonyms of a member serve older clients; `rawJson` is the record as posted today."""

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

    items: list[ProductAnswer]
    pagination: Pagination
