"""Records of products that straddle chunks, kept on disk by partition until all of them were read."""

import random
import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec
import xxhash

from integrahub.domain.chunks.builder import ChunkBuilder

Record = tuple[int, int, bytes, int, int, int]  # position, offset, raw, product id, hash, length
REPEATS = 10_000  # records of one product that are one product
REJECTION = "product_repeated"  # the code with which the records of a product that has more are rejected
_BYTES = 8 << 20  # of the records of one product
_MEMORY = 16 << 20  # bytes all partitions together keep in memory


class SpillPartitions:
    """Partitions by product: each holds whole products, their records in order. `chunk_size` in records."""

    def __init__(self, partitions: int, chunk_size: int) -> None:
        self._chunk_size = chunk_size
        self._seed = random.getrandbits(63)  # so that nobody can choose ids that meet in one partition
        self._files: list[IO[bytes]] = [
            tempfile.SpooledTemporaryFile(_MEMORY // partitions)  # noqa: SIM115 - closed in `close`
            for _ in range(partitions)
        ]

    def add(self, record: Record) -> None:
        """Keep a record for its product's partition."""
        packed = msgspec.msgpack.encode(record)
        digest = xxhash.xxh3_64_intdigest(record[3].to_bytes(8, "little"), self._seed)
        file = self._files[digest % len(self._files)]
        file.write(len(packed).to_bytes(4, "little") + packed)

    def drafts(self) -> Iterator[ChunkBuilder]:
        """Late chunks of whole products; those that have too many records come apart, to be rejected."""
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
        """Remove what was kept."""
        for file in self._files:
            file.close()

    def _products(self, file: IO[bytes], repeated: set[int]) -> Iterator[list[Record]]:
        """A partition's records by product, without those of products `repeated` too often, which are noted there.

        A partition is a small part of the body but for such products, and their records are let go of.
        """
        found: dict[int, list[Record]] = {}
        sizes: dict[int, int] = {}
        for record in _records(file):
            if record[3] in repeated:
                continue
            repeats = found.setdefault(record[3], [])
            repeats.append(record)
            sizes[record[3]] = sizes.get(record[3], 0) + len(record[2])
            if len(repeats) > max(REPEATS, self._chunk_size) or sizes[record[3]] > _BYTES:
                repeated.add(record[3])
                del found[record[3]]
        yield from found.values()

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
