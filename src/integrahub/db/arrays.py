"""Many numbers as one parameter: PostgreSQL's binary form of bigint[], written without touching them one by one."""

import struct
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import adapters
from psycopg.adapt import Dumper
from psycopg.pq import Format

_BIGINT, _BIGINTS = 20, 1016  # types, by their numbers in PostgreSQL's catalogue
_WIDTH = array("I", struct.pack("!I", 8))  # bytes of an element, which stand before it


@dataclass(frozen=True, slots=True)
class BigintArray:
    """A parameter of type bigint[]."""

    numbers: "array[int]"


class _Dumper(Dumper):
    format = Format.BINARY
    oid = _BIGINTS

    def dump(self, obj: BigintArray) -> bytes:
        """A header, then of each element its width and its bytes, the highest first."""
        count, swapped = len(obj.numbers), array("q", obj.numbers)
        if not count:
            return struct.pack("!iiI", 0, 0, _BIGINT)
        if sys.byteorder == "little":
            swapped.byteswap()
        halves, words = array("I", swapped.tobytes()), array("I", bytes(12 * count))
        words[0::3] = _WIDTH * count
        words[1::3], words[2::3] = halves[0::2], halves[1::2]
        return struct.pack("!iiIii", 1, 0, _BIGINT, count, 1) + words.tobytes()


def as_text(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL's text of an array, for arrays of arrays whose lengths differ."""
    return "{" + ",".join(map(str, numbers)) + "}"


adapters.register_dumper(BigintArray, _Dumper)
