"""Records of products that straddle chunks, kept on disk by partition until all of them were read."""

import random
import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec
import xxhash

from integrahub.domain.chunking import Draft
from integrahub.domain.errors import BodyFault

Record = tuple[int, int, bytes, int, int, int]  # position, offset, raw, product id, hash, length
REPEATS = 10_000  # records of one product
_BYTES = 8 << 20  # of the records of one product
_MEMORY = 16 << 20  # bytes all partitions together keep in memory


class Spool:
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

    def drafts(self) -> Iterator[Draft]:
        """Late chunks of whole products. BodyFault `product_repeated` when one product alone has too many records."""
        for file in self._files:
            draft = Draft()
            for records in self._products(file):
                for record in records:
                    draft.add(*record)
                if draft.is_full(self._chunk_size):
                    yield draft
                    draft = Draft()
            if draft.records:
                yield draft

    def close(self) -> None:
        """Remove what was kept."""
        for file in self._files:
            file.close()

    def _products(self, file: IO[bytes]) -> Iterator[list[Record]]:
        """A partition's records by product; a partition is a small part of the body."""
        found: dict[int, list[Record]] = {}
        sizes: dict[int, int] = {}
        file.seek(0)
        while head := file.read(4):
            record = msgspec.msgpack.decode(file.read(int.from_bytes(head, "little")), type=Record)
            product_id, repeats = record[3], found.setdefault(record[3], [])
            repeats.append(record)
            sizes[product_id] = sizes.get(product_id, 0) + len(record[2])
            if len(repeats) > max(REPEATS, self._chunk_size) or sizes[product_id] > _BYTES:
                raise BodyFault("product_repeated", record[1], product_id=product_id, repeats=len(repeats))
        yield from found.values()
