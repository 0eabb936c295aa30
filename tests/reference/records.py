"""Keys of a record, from the dialect."""

from collections.abc import Iterator

from integrahub.domain.dialects.inovafarma import keys, values
from integrahub.domain.dialects.inovafarma import normalise as records
from tests.reference.parts import Part, code, to_table

_PLACES = {"price": 4, "number": 3}


def render() -> str:
    """Return a row for each key that the dialect knows, and the limits of a record."""
    limits = (
        ("digits of a number", str(values.DIGITS)),
        ("characters of a number written as text", str(values.MAX_NUMBER_LENGTH)),
        ("levels of nested values", str(records.MAX_DEPTH)),
    )
    return "\n\n".join([to_table(("key", "column", "kind"), _rows()), to_table(("limit", "value"), limits)])


def _rows() -> Iterator[tuple[str, str, str]]:
    kinds = (
        ({"PRODUCTID": "product_id"}, "positive integer, also as text; required"),
        ({"TITLE": "title"}, "text; required in a FULL and for a new product"),
        ({"CNPJ": ""}, "CNPJ of the batch's pharmacy, or absent"),
        (keys.PRICE_KEYS, "number with 4 decimals, not negative"),
        ({"PRICEPROMO": "promotions"}, "number with 4 decimals, not negative"),
        (keys.NUMBER_KEYS, "number with 3 decimals"),
        (keys.TEXT_KEYS, "text"),
        (keys.DATE_KEYS, "local time"),
    )
    for columns, kind in kinds:
        yield from ((code(key), code(column), kind) for key, column in columns.items())


PARTS = (Part("reference/records.md", "records", render),)
