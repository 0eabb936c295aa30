"""Random loads as ERPs send them, and worse; the same seed draws the same."""

import random
from typing import Any

_VALUES: dict[str, list[Any]] = {
    "TITLE": ["A", "B", " C ", "", None],
    "PRICE": [1, "2.000", 2.5, "3,50", "1.234,56", None, "", "x", -1],
    "PRICEPROMO": [0, 9.9, "8,50", None],
    "QUANTITY": [0, "4,5", -2, 1.0005, "?"],
    "BRAND": ["", "X", None],
    "EAN": ["789", ""],
    "INDICE": [1, 2, 3],
    "DATAATUALIZACAOPRODUTO": ["2026-01-02T03:04:05", "bad", ""],
    "FOO": [1, "a", [1, {"b": None}]],
}


def record(draw: random.Random, products: int) -> Any:
    """One record of one of so many products."""
    if draw.random() < 0.02:
        return draw.choice([7, {"TITLE": "no id"}, {"PRODUCTID": "abc"}, {"PRODUCTID": 1, "CNPJ": "33000167000101"}])
    wire = {name: draw.choice(values) for name, values in _VALUES.items() if draw.random() < 0.4}
    return {"PRODUCTID": draw.randint(1, products), "TITLE": "T"} | wire


def load(draw: random.Random, longest: int) -> tuple[str, list[Any]]:
    """A load type and its records, mostly few, at times `longest`."""
    size = min(longest, int(draw.paretovariate(0.7)))
    products = max(12, size)
    first = {"PRODUCTID": draw.randint(1, products), "TITLE": f"first of {draw.random()}"}
    return draw.choice(["full", "delta", "delta"]), [first, *(record(draw, products) for _ in range(size))]
