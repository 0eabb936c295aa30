"""Keys of a record, from the dialect."""

from collections.abc import Iterator

from integrahub.domain.dialects.inovafarma import keys, values
from integrahub.domain.dialects.inovafarma import normalise as records
from tests.reference.parts import code, to_table
from tests.reference.translations import Translate

_PLACES = {"price": 4, "number": 3}


def render(text: Translate) -> str:
    """Return a row for each key that the dialect knows, and the limits of a record."""
    limits = (
        (text("digits of a number"), str(values.DIGITS)),
        (text("characters of a number written as text"), str(values.MAX_NUMBER_LENGTH)),
        (text("levels of nested values"), str(records.MAX_DEPTH)),
    )
    keys_table = to_table(map(text, ("key", "column", "kind")), _rows(text))
    return "\n\n".join([keys_table, to_table(map(text, ("limit", "value")), limits)])


def _rows(text: Translate) -> Iterator[tuple[str, str, str]]:
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
        yield from ((code(key), code(column), text(kind)) for key, column in columns.items())
