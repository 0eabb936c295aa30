"""PostgreSQL's text format for COPY, and its bigint."""

from array import array
from collections.abc import Iterable, Sequence

NULL = "\\N"
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BIGINT_SIGN_BIT = 1 << 63


def copy_text(lines: Sequence[Sequence[str | None]]) -> bytes:
    """Encode lines as COPY text; None becomes NULL."""
    escaped = (
        "\t".join(NULL if value is None else value.translate(ESCAPES) for value in line) + "\n" for line in lines
    )
    return "".join(escaped).encode()


def to_bigint(number: int) -> int:
    """Map an unsigned 64-bit number to the bigint of the same bits."""
    return number - 2 * _BIGINT_SIGN_BIT if number >= _BIGINT_SIGN_BIT else number


def to_bigints(numbers: Iterable[int]) -> "array[int]":
    """Map unsigned 64-bit numbers to the bigints of the same bits."""
    return array("q", array("Q", numbers).tobytes())
