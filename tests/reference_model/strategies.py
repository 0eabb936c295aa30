"""Random loads like those of ERPs, and worse ones; the same seed gives the same loads."""

import random
from typing import Any

_HUGE, _MINUTE = "@1e99999999999999999999@", "@-1e-99999999999999999999@"
_VALUES: dict[str, list[Any]] = {
    "TITLE": ["A", "B", " C ", "", None],
    "PRICE": [1, "2.000", 2.5, "3,50", "1.234,56", None, "", "x", -1, _HUGE, _MINUTE],
    "PRICEPROMO": [0, 9.9, "8,50", None, _MINUTE],
    "QUANTITY": [0, "4,5", -2, 1.0005, "?", _HUGE, _MINUTE],
    "BRAND": ["", "X", None],
    "EAN": ["789", "", "@7.89600470339E12@", "@30049099.0@", _HUGE],
    "INDICE": [1, 2, 3],
    "DATAATUALIZACAOPRODUTO": ["2026-01-02T03:04:05", "bad", ""],
    "FOO": [1, "a", [1, {"b": None}], [_HUGE, {"b": _MINUTE}]],
}


def record(draw: random.Random, products: int) -> Any:
    """Draw one record of one of this many products."""
    if draw.random() < 0.02:
        return draw.choice(
            [
                7,
                {"TITLE": "no id"},
                {"PRODUCTID": _HUGE},
                {"PRODUCTID": "abc"},
                {"PRODUCTID": 1, "CNPJ": "33000167000101"},
            ]
        )
    wire = {name: draw.choice(values) for name, values in _VALUES.items() if draw.random() < 0.4}
    return {"PRODUCTID": draw.randint(1, products), "TITLE": "T"} | wire


def load(draw: random.Random, longest: int) -> tuple[str, list[Any]]:
    """Draw a load type and its records, mostly few, sometimes `longest`."""
    size = min(longest, int(draw.paretovariate(0.7)))
    products = max(12, size)
    first = {"PRODUCTID": draw.randint(1, products), "TITLE": f"first of {draw.random()}"}
    return draw.choice(["full", "delta", "delta"]), [first, *(record(draw, products) for _ in range(size))]


def catalogue_load(draw: random.Random, least: int, most: int) -> tuple[str, list[Any]]:
    """Draw a load type and `least` to `most` records or some more, with near and far repeats and invalid ones."""
    kind, size = draw.choice(["full", "full", "delta", "delta", "delta"]), draw.randint(least, most)
    is_calm = draw.random() < 0.5  # every record, some changed, a few repeated far apart
    ids = list(range(1, size + 1)) if is_calm or draw.random() < 0.5 else draw.sample(range(1, most * 5 // 4), size)
    odd, price = (0, draw.randint(1, 99)) if is_calm else (draw.choice([0, 0.005, 0.2]), None)
    more = draw.choice([{}, {}, {"BRAND": "b" * 280}])
    wire = [_usual(draw, number, price) | more for number in ids]
    for _ in range(0 if is_calm else draw.choice([0, 1, size // 5])):  # promotions follow each other
        place = draw.randrange(len(wire))
        wire[place : place + 1] = [
            wire[place] | {"PRICEPROMO": draw.randint(1, 99) / 4} for _ in range(draw.randint(2, 4))
        ]
    for _ in range(draw.choice([1, 2, 4] if is_calm else [0, 5, size // 5])):  # others come again anywhere
        again = {
            "PRODUCTID": draw.choice(ids),
            "TITLE": "again",
            draw.choice(["PRICE", "QUANTITY"]): draw.randint(1, 50),
        }
        wire.insert(draw.randint(1, len(wire)), again)
    products = max(ids)
    if kind == "delta" and draw.random() < 0.5:  # of what is not yet known they are rejected
        wire[1:] = [{name: one[name] for name in one if name != "TITLE"} for one in wire[1:]]
    return kind, [wire[0], *(record(draw, products) if draw.random() < odd else one for one in wire[1:])]


def _usual(draw: random.Random, number: int, price: int | None) -> dict[str, Any]:
    wire = {"PRODUCTID": number, "TITLE": f"T {number % 97}", "PRICE": number % 50 if price is None else price}
    if draw.random() < 0.02:
        wire["QUANTITY"] = draw.randint(0, 9)
    return wire
