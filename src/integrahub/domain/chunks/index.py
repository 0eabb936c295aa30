"""Index of chunks: product ids and hashes by slot, and which products straddle chunks."""

import random
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from pyroaring import BitMap

from integrahub.domain.chunks.builder import ChunkBuilder

_KEY_COUNT = 1 << 32
_MAX_PARTITIONS = 256


@dataclass(slots=True)
class ChunkIndex:
    """Product ids and hashes of a chunk's records, by slot, as the database stores them."""

    ids: "array[int]"
    hashes: "array[int]"


class SeenProducts:
    """Products seen in the closed chunks of a body, and those that straddle chunks.

    Products are stored as keys of 32 bits, so that memory is bounded for any ids. An id below 2**32 is its own key.
    Larger ids may share a key. They then count as straddling together, which costs time but is never wrong.
    """

    def __init__(self) -> None:
        self._seen = BitMap()
        self._factor = random.getrandbits(64) | 1  # random, so that no client can choose ids that share keys
        self.straddling = BitMap()

    def add_chunk(self, builder: ChunkBuilder) -> ChunkIndex:
        """Add the products of a closed chunk and return its index; records of one product get one hash."""
        keys = self.keys_of(builder.ids)
        keys.discard(0)
        self.straddling |= keys & self._seen
        self._seen |= keys
        if len(keys) < len(builder.ids):
            builder.combine_repeats()
        return ChunkIndex(builder.ids, builder.hashes)

    def keys_of(self, ids: Iterable[int]) -> BitMap:
        """Return the keys of products; the key 0 stands for unreadable ids."""
        try:
            return BitMap(array("I", ids))
        except OverflowError:
            return BitMap(array("I", map(self._key, ids)))

    def _key(self, product_id: int) -> int:
        number = abs(product_id)
        return number if number < _KEY_COUNT else (number * self._factor >> 32) % _KEY_COUNT or 1

    def is_straddling(self, product_id: int) -> bool:
        """Return whether a chunk after all others must apply the product."""
        return self._key(product_id) in self.straddling

    def mark_straddling(self, ids: "array[int]") -> int:
        """Negate the ids of straddling products in place and return how many records these have."""
        if not self.keys_of(ids).intersect(self.straddling):
            return 0
        count = 0
        for slot, product_id in enumerate(ids):
            if product_id and self.is_straddling(product_id):
                ids[slot] = -abs(product_id)
                count += 1
        return count


def count_partitions(records: int, chunk_size: int) -> int:
    """Return into how many chunks `records` records of straddling products are partitioned."""
    return max(1, min(_MAX_PARTITIONS, -(-records // chunk_size)))
