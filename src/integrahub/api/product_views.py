"""Products as clients read them."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from integrahub.db.products.rows import ProductRow
from integrahub.domain.views.timestamps import format_time

Export = Callable[[dict[str, Any], str], dict[str, Any]]  # `Dialect.export`
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def to_item(product: ProductRow, cnpj: str, export: Export) -> dict[str, Any]:
    """Return a product as clients read it: numbers are JSON numbers, an absent text is ''."""
    promotions = [float(price) for price in product.price_promos]
    return {
        **dict.fromkeys(("id", "productId", "product_id"), product.product_id),
        **dict.fromkeys(("title", "name"), product.title),
        "sku": product.ean or str(product.product_id),
        "price": _to_number(product.price),
        "pricePromo": min(promotions, default=None),
        "pricePromos": promotions,
        **dict.fromkeys(("stock", "quantity"), _to_number(product.stock)),
        **{name: getattr(product, name) for name in ("ean", "brand", "category", "description", "ncm")},
        **dict.fromkeys(("image", "imageLink"), product.image_link),
        "cnpj": cnpj,
        "isActive": product.is_active,
        "updatedAt": _to_time(product.updated_at),
        "lastSeenAt": _to_time(product.seen_at),
        "rawJson": export(msgspec.structs.asdict(product), cnpj),
    }


def _to_number(value: Decimal | None) -> float:
    return float(value or 0)


def _to_time(value: datetime | None) -> str:
    return format_time(value) if value else ""


def encode(value: Any) -> bytes:
    """Return an answer about products as JSON."""
    return _ENCODER.encode(value)
