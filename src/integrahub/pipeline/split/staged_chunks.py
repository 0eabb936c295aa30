"""Chunks as a split leaves them, and what the database will keep of their records, on disk until the split ends."""

import tempfile
from array import array
from dataclasses import dataclass

from integrahub.domain.chunks.index import ChunkIndex

_NOWHERE = ""  # the location of a chunk of which nothing is left to read
_MEMORY = 4 << 20  # bytes kept in memory: 16 bytes a record
_WIDTH = 8  # bytes of a number


@dataclass(slots=True)
class ChunkPlan:
    """A chunk and where it is kept: an object, or so many bytes of the body; `first` is its first record's position.

    Of one that `is_settled` every product it answers for is in the table as sent. `rejection` is the code with which
    all its records are rejected. `slots` are of `count` records, at `place` of the `SlotFile`.
    """

    location: str = _NOWHERE
    start: int | None = None
    length: int | None = None
    first: int | None = None
    is_settled: bool = False
    rejection: str = ""
    unchanged: int = 0
    merged: int = 0
    place: int = 0
    count: int = 0

    def settle(self, own: list[int]) -> None:
        """Count what is settled of it: products unchanged, records that only repeat one. `own` are the ids it kept."""
        self.is_settled = self.is_settled or not own
        if self.is_settled:
            self.unchanged = len(set(own))
            self.merged = len(own) - self.unchanged


class SlotFile:
    """Ids and hashes of closed chunks: a body of tiny records has millions of them."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_MEMORY)  # noqa: SIM115 - closed in `close`
        self._end = 0

    def add(self, chunk: ChunkPlan, slots: ChunkIndex) -> None:
        """Keep the slots of a chunk."""
        chunk.place, chunk.count = self._end, len(slots.ids)
        self._file.seek(self._end)
        self._file.write(slots.ids.tobytes() + slots.hashes.tobytes())
        self._end += 2 * _WIDTH * chunk.count

    def ids(self, chunk: ChunkPlan) -> "array[int]":
        """Read the product ids of a chunk."""
        return self._read(chunk.place, chunk.count)

    def hashes(self, chunk: ChunkPlan) -> "array[int]":
        """Read the record hashes of a chunk."""
        return self._read(chunk.place + _WIDTH * chunk.count, chunk.count)

    def replace_ids(self, chunk: ChunkPlan, ids: "array[int]") -> None:
        """Keep other ids of a chunk, as many as before."""
        self._file.seek(chunk.place)
        self._file.write(ids.tobytes())

    def close(self) -> None:
        """Remove what was kept."""
        self._file.close()

    def _read(self, place: int, count: int) -> "array[int]":
        self._file.seek(place)
        return array("q", self._file.read(_WIDTH * count))
