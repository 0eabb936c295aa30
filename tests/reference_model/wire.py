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
    """A form of a body: its layout, then its encoding if it has one."""
    return draw.choice(FORMS)


def as_number(value: Any) -> str:
    """The digits of a number that Python would not write as they are; of other values nothing."""
    return value[1:-1] if isinstance(value, str) and value[:1] == "@" == value[-1:] else ""


def plain(value: Any) -> Any:
    """A value as it is kept of a key nobody knows: numbers beyond jsonb are texts."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else as_number(value) or value


def digits(value: Any) -> Any:
    """A text; of a number its digits."""
    try:
        number = Decimal(as_number(value) or "x")
    except InvalidOperation:
        return as_number(value) or value
    return f"{number.to_integral_value():f}" if number == number.to_integral_value() else f"{number:f}"


def body_of(records: list[Any], form: str) -> tuple[bytes, dict[str, str]]:
    """The body and its headers. `"@1e9@"` among the records stands for the number 1e9."""
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
