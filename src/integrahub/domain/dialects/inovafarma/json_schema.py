"""JSON Schema of a record: a valid record is applied without a rejection or a warning."""

from typing import Any

from integrahub.domain.dialects.inovafarma import keys, values
from integrahub.domain.dialects.inovafarma import normalise as records

PATH = "/schemas/inovafarma-product.json"
_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DESCRIPTION = (
    "One record of POST /v1/inovafarma/products. A valid record is applied without a rejection or a warning; the "
    "batch's report holds the issues of all others. Keys may be in any case; of a repeated key the last value counts."
)
_NO_NUL = r"^[^\u0000]*$"
_CNPJ: dict[str, Any] = {"type": ["string", "integer", "null"], "pattern": _NO_NUL}
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"], "pattern": _NO_NUL}
_DAY = r"(?:0[1-9]|1[0-9]|2[0-8])"
_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_OF_EVERY_YEAR = rf"(?:(?:0[1-9]|1[0-2])-{_DAY}|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_DATE = rf"(?:(?!0000)[0-9]{{4}}-{_OF_EVERY_YEAR}|{_LEAP}-02-29)"
_CLOCK = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_OFFSET = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"


def any_case(key: str) -> str:
    """Return a pattern of the key in any case."""
    return "^" + "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in key) + "$"


def _at_most(bound: str) -> str:
    """Return a pattern of positive integers up to `bound`, with or without leading zeros."""
    shorter = rf"[1-9][0-9]{{0,{len(bound) - 2}}}"
    equal = [
        bound[:index]
        + (f"[0-{int(digit) - 1}]" if index else f"[1-{int(digit) - 1}]")
        + f"[0-9]{{{len(bound) - index - 1}}}"
        for index, digit in enumerate(bound)
        if int(digit) > (0 if index else 1)
    ]
    return rf"0*(?:{'|'.join([shorter, *equal, bound])})"


def _amount(places: int, *, negative: bool) -> dict[str, Any]:
    """Return the schema of a number with `places` decimals in a column of 14 digits, also written as text."""
    whole = values.DIGITS - places
    half = f"0.{'0' * places}5"
    most = f"{'9' * whole}.{'9' * places}5"
    too_long = rf"[+-]?0*[1-9][0-9]{{{whole}}}|[+-]?{_grouped_over(whole)}|[+-]?0*9{{{whole}}}[.,]9{{{places}}}[5-9]"
    sign = "" if negative else rf"(?!-[0-9.,]*[1-9])(?!{values.AMBIGUOUS}\s*$)"
    text = rf"^\s*(?:(?!{too_long}){sign}(?:{'|'.join(values.NUMBERS)}))?\s*$"
    return {
        "type": ["number", "string", "null"],
        "pattern": text,
        "maxLength": values.MAX_NUMBER_LENGTH,
        "exclusiveMaximum": float(most),
        "exclusiveMinimum": -float(most if negative else half),
    }


def _grouped_over(whole: int) -> str:
    """Return a pattern of grouped numbers with more than `whole` digits."""
    groups, first = divmod(whole, 3)
    group = r"(?:[.,][0-9]{3})"
    return rf"(?:[1-9][0-9]{{{first},2}}{group}{{{groups}}}|[1-9][0-9]{{0,2}}{group}{{{groups + 1}}})"


_DATES: dict[str, Any] = {"type": ["string", "null"], "pattern": rf"^\s*(?:{_DATE}(?:{_CLOCK}{_OFFSET}?)?)?\s*$"}
_IDENTITY: dict[str, Any] = {
    "type": ["number", "string"],
    "multipleOf": 1,
    "minimum": 1,
    "maximum": (1 << 63) - 1,
    "pattern": rf"^\s*{_at_most(str((1 << 63) - 1))}\s*$",
    "maxLength": 40,
}


def _properties() -> dict[str, Any]:
    fields: dict[str, Any] = {
        "CNPJ": _CNPJ,
        "PRODUCTID": _IDENTITY,
    }
    fields |= dict.fromkeys(["TITLE", *keys.TEXT_KEYS], _SCALAR)
    fields |= dict.fromkeys([*keys.PRICE_KEYS, "PRICEPROMO"], _amount(4, negative=False))
    fields |= dict.fromkeys(keys.NUMBER_KEYS, _amount(3, negative=True))
    return fields | dict.fromkeys(keys.DATE_KEYS, _DATES)


def _values() -> dict[str, Any]:
    """Return the schemas of values of unknown keys, one per allowed depth."""
    schemas: dict[str, Any] = {"value0": _SCALAR}
    for depth in range(1, records.MAX_DEPTH):
        inner = {"$ref": f"#/$defs/value{depth - 1}"}
        nested = {"items": inner, "propertyNames": {"pattern": _NO_NUL}, "additionalProperties": inner}
        schemas[f"value{depth}"] = {"pattern": _NO_NUL} | nested
    return schemas


def _carries(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a record that has the key, in any case, with such a value."""
    return {"not": {"propertyNames": {"not": {"pattern": any_case(key)}}}, "patternProperties": {any_case(key): value}}


def build_schema() -> dict[str, Any]:
    """Build the schema of a DELTA's record; `$defs.full` is that of a FULL's record, which must have a title."""
    titled = {"type": ["string", "number", "boolean"], "pattern": r"[^ \t\r\n]"}
    priced = {"patternProperties": {any_case("PRICE"): {"pattern": r"\S"}}}
    return {
        "$schema": _SCHEMA_DIALECT,
        "$id": PATH,
        "title": "InovaFarma product",
        "description": _DESCRIPTION,
        "type": "object",
        "propertyNames": {"pattern": _NO_NUL},
        "patternProperties": {any_case(key): value for key, value in _properties().items()},
        "additionalProperties": {"$ref": f"#/$defs/value{records.MAX_DEPTH - 1}"},
        "allOf": [_carries("PRODUCTID", _IDENTITY)],
        "$defs": _values() | {"full": {"allOf": [{"$ref": "#"}, _carries("TITLE", titled), priced]}},
    }
