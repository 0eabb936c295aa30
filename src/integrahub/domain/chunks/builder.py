"""Chunks: how records gather into them, which records wait for a late one, and how a chunk is stored."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
import xxhash
import zstandard
from pyroaring import BitMap

from integrahub.domain.copy_text import to_bigint
from integrahub.domain.parsing.raw_records import OversizeRecord
from integrahub.domain.parsing.reader import read_all

_BYTES = 4 << 20  # a chunk closes at this size
_FEW, _PART = 250, 128 * 1024  # records, bytes: what is read at once and with all that is made of it stays in the cache
_KEYS = 1 << 32
_OVER_RECORDS, _OVER_BYTES = (
    100,
    1 << 20,
)  # by which a chunk may be longer, so that a product's promotions stay together


class ChunkObject(msgspec.Struct, array_like=True):
    """A chunk as an object: records' raw texts, their places in the body, and the lengths of those too long to keep."""

    positions: list[int]
    offsets: list[int]
    records: list[bytes]
    oversize: dict[int, int]

    def arrays(self) -> Iterator[bytes]:
        """All records as JSON arrays of a few hundred; nothing when there is more to them."""
        for start in range(0, 0 if self.oversize else len(self.records), _FEW):
            yield array_of(self.records[start : start + _FEW])

    def cut(self) -> ChunkObject:
        """Record by record."""
        return self

    def encode(self) -> bytes:
        """The object to store."""
        return zstandard.compress(msgspec.msgpack.encode(self), 1)

    def record(self, slot: int) -> bytes | OversizeRecord:
        """The record in a slot, or what is kept of one too long."""
        length = self.oversize.get(slot)
        return self.records[slot] if length is None else OversizeRecord(self.records[slot], length)


@dataclass(slots=True)
class BodySlice:
    """A chunk as a part of a body: its text, where it starts in the decoded body, and the position of its first record.

    Split makes slices only of records within the length limit.
    """

    content: bytes
    media_type: str
    start: int
    first: int
    _payload: ChunkObject | None = None

    def arrays(self) -> Iterator[bytes]:
        """All records as JSON arrays, cut where records seem to end: those that parse are whole; nothing for lines."""
        start = len(self.content) if self._is_lines else 0
        while start < len(self.content):
            end = start + _PART
            if end < len(self.content):
                end = self.content.rfind(b"},{", start, end) + 1 or len(self.content)
            yield b"[" + self.content[start:end] + b"]"
            start = end + 1

    @property
    def _is_lines(self) -> bool:
        return "ndjson" in self.media_type

    def cut(self) -> ChunkObject:
        """Record by record."""
        if self._payload is None:
            whole = self.content if self._is_lines else b"[" + self.content + b"]"
            run = read_all(whole, self.media_type, len(self.content))
            records = [bytes(record) for record in run.records if not isinstance(record, OversizeRecord)]
            before = self.start - (not self._is_lines)
            offsets = [before + offset for offset in run.offsets]
            positions = list(range(self.first, self.first + len(records)))
            self._payload = ChunkObject(positions, offsets, records, {})
        return self._payload


Chunk = ChunkObject | BodySlice


def array_of(records: Iterable[bytes]) -> bytes:
    """Records as a JSON array."""
    return b"[" + b",".join(records) + b"]"


@dataclass(slots=True)
class ChunkBuilder:
    """A chunk in the making; ids and hashes by slot (id 0: unreadable; negative: applied by a later chunk)."""

    positions: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    ids: array[int] = field(default_factory=lambda: array("q"))
    hashes: array[int] = field(default_factory=lambda: array("q"))
    oversize: dict[int, int] = field(default_factory=dict)
    size: int = 0
    rejection: str = ""  # the code with which every record of the chunk is rejected

    def add(self, position: int, offset: int, record: bytes, product_id: int, record_hash: int, length: int) -> None:
        """One more record; `length` above that of `record` says that only its beginning is kept."""
        if length > len(record):
            self.oversize[len(self.records)] = length
        self.positions.append(position)
        self.offsets.append(offset)
        self.records.append(record)
        self.ids.append(product_id)
        self.hashes.append(record_hash)
        self.size += len(record)

    def extend(
        self, first: int, offsets: list[int], records: list[bytes], ids: list[int], hashes: Iterable[int]
    ) -> None:
        """More records, none too long to keep; `first` is the position of the first."""
        self.positions.extend(range(first, first + len(records)))
        self.offsets.extend(offsets)
        self.records.extend(records)
        self.ids.extend(ids)
        self.hashes.extend(hashes)
        self.size += sum(map(len, records))

    def record(self, slot: int) -> tuple[int, int, bytes, int, int, int]:
        """What `add` was told of a record."""
        raw = self.records[slot]
        length = self.oversize.get(slot, len(raw))
        return self.positions[slot], self.offsets[slot], raw, self.ids[slot], self.hashes[slot], length

    def is_full(self, records: int) -> bool:
        """Whether the chunk closes now."""
        return len(self.records) >= records or self.size >= _BYTES

    def room(self, records: int) -> int:
        """Return how many more records of one product in a row the chunk takes; 0: it closes whatever comes next."""
        most = records + _OVER_RECORDS - len(self.records)
        return max(0, most) if self.size < _BYTES + _OVER_BYTES else 0

    def payload(self) -> ChunkObject:
        """What to store."""
        return ChunkObject(self.positions, self.offsets, self.records, self.oversize)

    def extent(self) -> tuple[int, int]:
        """Where the records start in the body and how many bytes they span; of a draft with consecutive records."""
        start = self.offsets[0]
        return start, self.offsets[-1] + len(self.records[-1]) - start


def decode_payload(stored: bytes) -> ChunkObject:
    """The chunk an object holds."""
    return msgspec.msgpack.decode(zstandard.decompress(stored), type=ChunkObject)


@dataclass(slots=True)
class ChunkIndex:
    """What the database keeps of a chunk for each of its records."""

    ids: array[int]
    hashes: array[int]


class SeenProducts:
    """Which products were seen, and which of them may have records in more than one chunk.

    A product is known by a key of 32 bits, so memory is bounded however far apart the ids are. An id below 2**32 is its
    own key. Larger ids may share a key with others: they then go to late chunks together, which is right, only slower.
    """

    def __init__(self) -> None:
        self._seen = BitMap()
        self._factor = random.getrandbits(64) | 1  # so that no client can choose ids that share keys
        self.late = BitMap()

    def close(self, draft: ChunkBuilder) -> ChunkIndex:
        """Note a closed chunk's products; its repeats get one hash together."""
        keys = self.keys(draft.ids)
        keys.discard(0)
        self.late |= keys & self._seen
        self._seen |= keys
        if len(keys) < len(draft.ids):
            combine_repeats(draft)
        return ChunkIndex(draft.ids, draft.hashes)

    def keys(self, ids: Iterable[int]) -> BitMap:
        """Return the keys of products; 0 stands for ids that cannot be read."""
        try:
            return BitMap(array("I", ids))
        except OverflowError:
            return BitMap(array("I", map(self._key, ids)))

    def _key(self, product_id: int) -> int:
        number = abs(product_id)
        return number if number < _KEYS else (number * self._factor >> 32) % _KEYS or 1

    def is_late(self, product_id: int) -> bool:
        """Whether the product's records go to a late chunk."""
        return self._key(product_id) in self.late

    def defer(self, ids: array[int]) -> int:
        """Mark the records of a chunk whose product goes to a late chunk; return how many they are."""
        if not self.keys(ids).intersect(self.late):
            return 0
        late = 0
        for slot, product_id in enumerate(ids):
            if product_id and self.is_late(product_id):
                ids[slot] = -abs(product_id)
                late += 1
        return late


def combine_repeats(draft: ChunkBuilder) -> None:
    """Give every record of a repeated product the hash of all of them, in order."""
    slots: dict[int, list[int]] = {}
    for slot, product_id in enumerate(draft.ids):
        if product_id:
            slots.setdefault(product_id, []).append(slot)
    for repeats in slots.values():
        if len(repeats) > 1:
            together = array("q", (draft.hashes[slot] for slot in repeats)).tobytes()
            combined = to_bigint(xxhash.xxh3_64_intdigest(together))
            for slot in repeats:
                draft.hashes[slot] = combined


def partitions(late: int, size: int) -> int:
    """How many late chunks share `late` records of products that straddle chunks."""
    return max(1, min(256, -(-late // size)))
