"""Loads as bytes: arrays or lines, compact or spaced, compressed or not. Imports nothing of the hub."""

import gzip
import json
import random
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import zstandard

FORMS = ("spaced", "compact", "lines", "compact gzip", "spaced zstd", "lines gzip")
_NUMBER = re.compile(r'"@([^"@]+)@"')


def form(draw: random.Random) -> str:
    """Draw the form of a body: its layout, then its encoding if any."""
    return draw.choice(FORMS)


def as_number(value: Any) -> str:
    """Return the digits of a number that Python would write differently, or an empty text."""
    return value[1:-1] if isinstance(value, str) and value[:1] == "@" == value[-1:] else ""


def plain(value: Any) -> Any:
    """Return the stored value of an unknown key: numbers beyond jsonb become texts."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else as_number(value) or value


def digits(value: Any) -> Any:
    """Return a text; for a number, its digits."""
    try:
        number = Decimal(as_number(value) or "x")
    except InvalidOperation:
        return as_number(value) or value
    return f"{number.to_integral_value():f}" if number == number.to_integral_value() else f"{number:f}"


def body_of(records: list[Any], form: str) -> tuple[bytes, dict[str, str]]:
    """Return the body and its headers. `"@1e9@"` in a record represents the number 1e9."""
    layout, _, encoding = form.partition(" ")
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    if layout == "lines":
        text = "\n".join(map(json.dumps, records))
        headers |= {"Content-Type": "application/x-ndjson", "X-Inova-Item-Count": str(len(records))}
    else:
        text = json.dumps(records, separators=(",", ":") if layout == "compact" else None)
    body = _NUMBER.sub(r"\1", text).encode()
    made = {"": lambda: body, "gzip": lambda: gzip.compress(body, 1), "zstd": lambda: zstandard.compress(body, 1)}
    return made[encoding](), {name: value for name, value in headers.items() if value}
