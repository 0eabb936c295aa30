"""Records of products that straddle chunks, kept on disk by partition until all of them were read."""

import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec

from integrahub.domain.chunking import Draft

Record = tuple[int, int, bytes, int, int, int]  # position, offset, raw, product id, hash, length
_BUFFER = 1 << 20  # bytes in memory a partition


class Spool:
    """Partitions by product id: each holds whole products, their records in order."""

    def __init__(self, partitions: int) -> None:
        self._files: list[IO[bytes]] = [
            tempfile.SpooledTemporaryFile(_BUFFER)  # noqa: SIM115 - closed in `close`
            for _ in range(partitions)
        ]

    def add(self, record: Record) -> None:
        """Keep a record for its product's partition."""
        packed = msgspec.msgpack.encode(record)
        file = self._files[record[3] % len(self._files)]
        file.write(len(packed).to_bytes(4, "little") + packed)

    def drafts(self) -> Iterator[Draft]:
        """One late chunk a partition; empty partitions are left out."""
        for file in self._files:
            file.seek(0)
            draft = Draft()
            while head := file.read(4):
                packed = file.read(int.from_bytes(head, "little"))
                draft.add(*msgspec.msgpack.decode(packed, type=Record))
            if draft.records:
                yield draft

    def close(self) -> None:
        """Remove what was kept."""
        for file in self._files:
            file.close()
