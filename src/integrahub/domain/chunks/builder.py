"""Builder of a chunk: collects records until the chunk is full."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import xxhash

from integrahub.domain.chunks.formats import ChunkObject
from integrahub.domain.copy_text import to_bigint
from integrahub.domain.parsing.raw_records import CutRecords

_MAX_BYTES = 4 << 20  # a chunk of this size is full
# How much longer a chunk may grow to keep the records of one product together, such as its promotions.
_MAX_EXTRA_RECORDS = 100
_MAX_EXTRA_BYTES = 1 << 20


@dataclass(slots=True)
class ChunkBuilder:
    """A chunk that is being built, all lists by slot.

    An id of 0 marks a record whose product id cannot be read. A negative id marks a record that a later chunk
    applies. Records that a kernel cut stay in their buffers until `positions`, `offsets` or `records` is read.
    """

    ids: "array[int]" = field(default_factory=lambda: array("q"))
    hashes: "array[int]" = field(default_factory=lambda: array("q"))
    oversize: dict[int, int] = field(default_factory=dict)
    size: int = 0  # bytes of all records
    rejection: str = ""  # code with which every record of the chunk is rejected
    _positions: list[int] = field(default_factory=list)
    _offsets: list[int] = field(default_factory=list)
    _records: list[bytes] = field(default_factory=list)
    _cuts: list[CutRecords] = field(default_factory=list)  # only while the three lists are empty
    _first: int = 0  # position of the first record of `_cuts`

    @property
    def positions(self) -> list[int]:
        self._unpack()
        return self._positions

    @property
    def offsets(self) -> list[int]:
        self._unpack()
        return self._offsets

    @property
    def records(self) -> list[bytes]:
        self._unpack()
        return self._records

    @property
    def first_position(self) -> int:
        return self._first if self._cuts else self._positions[0]

    def _unpack(self) -> None:
        if self._cuts:
            self._positions = list(range(self._first, self._first + len(self.ids)))
            self._offsets = [offset for cut in self._cuts for offset in cut.offsets]
            self._records = [record for cut in self._cuts for record in cut.records]
            self._cuts = []

    def add(self, position: int, offset: int, record: bytes, product_id: int, record_hash: int, length: int) -> None:
        """Add one record. If `length` is above the length of `record`, the record is only a prefix."""
        self._unpack()
        if length > len(record):
            self.oversize[len(self.ids)] = length
        self._positions.append(position)
        self._offsets.append(offset)
        self._records.append(record)
        self.ids.append(product_id)
        self.hashes.append(record_hash)
        self.size += len(record)

    def extend(
        self, first: int, offsets: list[int], records: list[bytes], ids: Iterable[int], hashes: Iterable[int]
    ) -> None:
        """Add consecutive records, none of them oversize; `first` is the position of the first."""
        self._unpack()
        self._positions.extend(range(first, first + len(records)))
        self._offsets.extend(offsets)
        self._records.extend(records)
        self.ids.extend(ids)
        self.hashes.extend(hashes)
        self.size += sum(map(len, records))

    def extend_cut(self, first: int, cut: CutRecords) -> None:
        """Add consecutive records that a kernel cut; `first` is the position of the first."""
        if self._records:
            self.extend(first, list(cut.offsets), list(cut.records), cut.ids, cut.hashes)
            return
        self._first = first if not self._cuts else self._first
        self._cuts.append(cut)
        self.ids.extend(cut.ids)
        self.hashes.extend(cut.hashes)
        self.size += cut.size

    def record(self, slot: int) -> tuple[int, int, bytes, int, int, int]:
        """Return the arguments that `add` received for this slot."""
        raw = self.records[slot]
        length = self.oversize.get(slot, len(raw))
        return self.positions[slot], self.offsets[slot], raw, self.ids[slot], self.hashes[slot], length

    def is_full(self, max_records: int) -> bool:
        return len(self.ids) >= max_records or self.size >= _MAX_BYTES

    def room(self, max_records: int) -> int:
        """Return how many consecutive records of one product still fit; with 0 the chunk must close."""
        room = max_records + _MAX_EXTRA_RECORDS - len(self.ids)
        return max(0, room) if self.size < _MAX_BYTES + _MAX_EXTRA_BYTES else 0

    def to_object(self) -> ChunkObject:
        return ChunkObject(self.positions, self.offsets, self.records, self.oversize)

    def extent(self) -> tuple[int, int]:
        """Return the byte offset of the first record in the body, and the bytes up to the end of the last.

        Only for a builder whose records are consecutive.
        """
        if self._cuts:
            first, last = self._cuts[0], self._cuts[-1]
            start = first.base + first.starts[0]
            return start, last.base + last.ends[-1] - start
        start = self.offsets[0]
        return start, self.offsets[-1] + len(self.records[-1]) - start

    def combine_repeats(self) -> None:
        """Give every record of a repeated product the hash of all its records, in order."""
        slots: dict[int, list[int]] = {}
        for slot, product_id in enumerate(self.ids):
            if product_id:
                slots.setdefault(product_id, []).append(slot)
        for repeats in slots.values():
            if len(repeats) > 1:
                hashes = array("q", (self.hashes[slot] for slot in repeats)).tobytes()
                combined = to_bigint(xxhash.xxh3_64_intdigest(hashes))
                for slot in repeats:
                    self.hashes[slot] = combined
