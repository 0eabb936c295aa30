"""Scratch partitions on disk for records of products that occur in several chunks."""

import random
import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec
import xxhash

from integrahub.domain.chunks.builder import ChunkBuilder

Record = tuple[int, int, bytes, int, int, int]  # position, offset, raw, product id, hash, length
MAX_REPEATS = 10_000  # records of one product that are merged
REJECTION = "product_repeated"  # record code for the records of a product with more
_MAX_PRODUCT_BYTES = 8 << 20  # of the records of one product
_MEMORY_BYTES = 16 << 20  # of all partitions together; the rest goes to disk


class SpillPartitions:
    """Partition records by product, keeping their order, so that each partition holds all records of its products."""

    def __init__(self, partitions: int, chunk_size: int) -> None:
        self._chunk_size = chunk_size
        self._seed = random.getrandbits(63)  # so a client cannot choose ids that all belong to one partition
        self._files: list[IO[bytes]] = [
            tempfile.SpooledTemporaryFile(_MEMORY_BYTES // partitions)  # noqa: SIM115 - closed in `close`
            for _ in range(partitions)
        ]

    def add(self, record: Record) -> None:
        """Add a record to the partition of its product."""
        packed = msgspec.msgpack.encode(record)
        digest = xxhash.xxh3_64_intdigest(record[3].to_bytes(8, "little"), self._seed)
        file = self._files[digest % len(self._files)]
        file.write(len(packed).to_bytes(4, "little") + packed)

    def build_chunks(self) -> Iterator[ChunkBuilder]:
        """Yield chunks of whole products. Records of products with too many repeats come in chunks to be rejected."""
        for file in self._files:
            repeated = set[int]()
            draft = ChunkBuilder()
            for records in self._products(file, repeated):
                for record in records:
                    draft.add(*record)
                if draft.is_full(self._chunk_size):
                    yield draft
                    draft = ChunkBuilder()
            if draft.records:
                yield draft
            if repeated:
                yield from self._rejected(file, repeated)

    def close(self) -> None:
        """Delete the partitions."""
        for file in self._files:
            file.close()

    def _products(self, file: IO[bytes], repeated: set[int]) -> Iterator[list[Record]]:
        """Yield a partition's records by product. Add products with too many repeats to `repeated` and drop them.

        Without such products, a partition is a small part of the body, so it fits in memory.
        """
        products: dict[int, list[Record]] = {}
        sizes: dict[int, int] = {}
        for record in _records(file):
            if record[3] in repeated:
                continue
            repeats = products.setdefault(record[3], [])
            repeats.append(record)
            sizes[record[3]] = sizes.get(record[3], 0) + len(record[2])
            if len(repeats) > max(MAX_REPEATS, self._chunk_size) or sizes[record[3]] > _MAX_PRODUCT_BYTES:
                repeated.add(record[3])
                del products[record[3]]
        yield from products.values()

    def _rejected(self, file: IO[bytes], repeated: set[int]) -> Iterator[ChunkBuilder]:
        draft = ChunkBuilder(rejection=REJECTION)
        for record in _records(file):
            if record[3] in repeated:
                draft.add(*record)
            if draft.is_full(self._chunk_size):
                yield draft
                draft = ChunkBuilder(rejection=REJECTION)
        if draft.records:
            yield draft


def _records(file: IO[bytes]) -> Iterator[Record]:
    file.seek(0)
    while head := file.read(4):
        yield msgspec.msgpack.decode(file.read(int.from_bytes(head, "little")), type=Record)
