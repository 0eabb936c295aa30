"""Staged chunks: the chunks of a body until its split ends."""

import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from integrahub.db.arrays import BigintArray
from integrahub.db.batches.rows import SplitClaim
from integrahub.db.chunks.rows import NewChunk
from integrahub.domain.chunks.index import ChunkIndex
from integrahub.domain.replays import KINDS

_NO_LOCATION = ""  # of a chunk without records to apply
_MAX_MEMORY_BYTES = 4 << 20  # before the index moves to disk; a record takes 16 bytes
_BIGINT_BYTES = 8


@dataclass(slots=True)
class ChunkPlan:
    """A chunk, and where its records are: an object, or a part of the body from `start` on; `length` is in bytes.

    `first` is the position of its first record, if they are consecutive. If `is_settled`, the table already holds all
    its records. No step reads those, so only slices of a framed body have a location, which keeps older versions from
    reading them; `start` is set where they can be read alone. `rejection` is the code with which all are rejected.
    """

    location: str = _NO_LOCATION
    start: int | None = None
    length: int | None = None
    first: int | None = None
    is_settled: bool = False
    rejection: str = ""
    unchanged: int = 0
    merged: int = 0
    index_offset: int = 0  # in the file of indexes
    index_length: int = 0  # in records
    positions_offset: int | None = None  # in the file of indexes; None: the records are consecutive

    def settle(self, own_ids: list[int]) -> None:
        """Count the records of a settled chunk: unchanged products, and records merged into one of them."""
        self.is_settled = self.is_settled or not own_ids
        if self.is_settled:
            self.unchanged = len(set(own_ids))
            self.merged = len(own_ids) - self.unchanged


class StagedChunks:
    """The chunks of one body in their order. Iterating yields them as rows to insert.

    Ids and hashes are in a temporary file: a body of tiny records has millions of them.
    """

    def __init__(self, claim: SplitClaim) -> None:
        self._batch_id = claim.id
        # Later batches may have changed a replayed product, so its stored hash must not match.
        self._has_hashes = claim.kind not in KINDS
        self._plans: list[ChunkPlan] = []
        self._file = tempfile.SpooledTemporaryFile(_MAX_MEMORY_BYTES)  # noqa: SIM115 - closed in `close`
        self._end = 0

    @property
    def plans(self) -> list[ChunkPlan]:
        """Return the chunks appended so far."""
        return self._plans

    def append(self, plan: ChunkPlan) -> None:
        """Add a chunk behind the others."""
        self._plans.append(plan)

    def write_index(self, plan: ChunkPlan, index: ChunkIndex) -> None:
        """Store the ids and hashes of a chunk."""
        plan.index_offset, plan.index_length = self._end, len(index.ids)
        self._file.seek(self._end)
        self._file.write(index.ids.tobytes() + index.hashes.tobytes())
        self._end += 2 * _BIGINT_BYTES * plan.index_length

    def write_positions(self, plan: ChunkPlan, positions: list[int]) -> None:
        """Store the positions of records that are not consecutive."""
        plan.positions_offset = self._end
        self._file.seek(self._end)
        self._file.write(array("q", positions).tobytes())
        self._end += _BIGINT_BYTES * plan.index_length

    def read_ids(self, plan: ChunkPlan) -> "array[int]":
        """Return the product ids of a chunk."""
        return self._read(plan.index_offset, plan.index_length)

    def replace_ids(self, plan: ChunkPlan, ids: "array[int]") -> None:
        """Replace the ids of a chunk by as many others."""
        self._file.seek(plan.index_offset)
        self._file.write(ids.tobytes())

    def __iter__(self) -> Iterator[NewChunk]:
        for number, plan in enumerate(self._plans):
            ids = self.read_ids(plan)
            own_ids = [product_id for product_id in ids if product_id >= 0]
            plan.settle(own_ids)
            yield NewChunk(
                batch_id=self._batch_id,
                number=number,
                location=plan.location,
                body_start=plan.start,
                body_bytes=plan.length,
                first_position=plan.first,
                positions=self._positions_of(plan),
                records=len(own_ids),
                ids=BigintArray(ids),
                hashes=BigintArray(self._hashes_of(plan)),
                rejection=plan.rejection or None,
                is_settled=plan.is_settled,
                unchanged=plan.unchanged,
                merged=plan.merged,
            )

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()

    def _hashes_of(self, plan: ChunkPlan) -> "array[int]":
        if plan.is_settled:
            return array("q")  # a settled chunk is never compared again
        if not self._has_hashes:
            return array("q", bytes(_BIGINT_BYTES * plan.index_length))
        return self._read(plan.index_offset + _BIGINT_BYTES * plan.index_length, plan.index_length)

    def _positions_of(self, plan: ChunkPlan) -> BigintArray | None:
        offset = plan.positions_offset
        return None if offset is None else BigintArray(self._read(offset, plan.index_length))

    def _read(self, offset: int, count: int) -> "array[int]":
        self._file.seek(offset)
        return array("q", self._file.read(_BIGINT_BYTES * count))
