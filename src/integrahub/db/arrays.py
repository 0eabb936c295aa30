"""Large arrays of numbers in PostgreSQL's binary format of bigint[], without a Python loop, and binary COPY."""

import struct
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

_BIGINT_OID, _BIGINT_ARRAY_OID = 20, 1016
BINARY_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
BINARY_COPY_TRAILER = b"\xff\xff"
_ARRAY_HEADER_BYTES = 20
_ELEMENT_LENGTH = array("I", struct.pack("!I", 8))  # the length that precedes each element


@dataclass(frozen=True, slots=True)
class BigintArray:
    """A parameter of type bigint[]."""

    numbers: "array[int]"


class _BigintArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BIGINT_ARRAY_OID

    def dump(self, obj: BigintArray) -> bytes:
        """Return the header, then length and big-endian bytes of each element."""
        count, numbers = len(obj.numbers), array("q", obj.numbers)
        if not count:
            return struct.pack("!iiI", 0, 0, _BIGINT_OID)
        if sys.byteorder == "little":
            numbers.byteswap()
        halves, words = array("I", numbers.tobytes()), array("I", bytes(12 * count))
        words[0::3] = _ELEMENT_LENGTH * count
        words[1::3], words[2::3] = halves[0::2], halves[1::2]
        return struct.pack("!iiIii", 1, 0, _BIGINT_OID, count, 1) + words.tobytes()


def decode_bigints(sent: bytes) -> "array[int]":
    """Return the numbers of an array without NULL that PostgreSQL's `array_send` encoded."""
    words = array("I", sent[_ARRAY_HEADER_BYTES:])
    halves = array("I", bytes(8 * (len(words) // 3)))
    halves[0::2], halves[1::2] = words[1::3], words[2::3]
    numbers = array("q", halves.tobytes())
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def as_text(numbers: Iterable[int]) -> str:
    """Return numbers as the text of an array, for arrays of arrays with different lengths."""
    return "{" + ",".join(map(str, numbers)) + "}"


adapters.register_dumper(BigintArray, _BigintArrayDumper)
