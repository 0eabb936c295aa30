"""Large arrays of numbers as one parameter, in PostgreSQL's binary format of bigint[], without a Python loop."""

import struct
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

_BIGINT_OID, _BIGINT_ARRAY_OID = 20, 1016
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


def as_text(numbers: Iterable[int]) -> str:
    """Return numbers as the text of an array, for arrays of arrays with different lengths."""
    return "{" + ",".join(map(str, numbers)) + "}"


adapters.register_dumper(BigintArray, _BigintArrayDumper)
