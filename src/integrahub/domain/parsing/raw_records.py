"""Raw records of a body with their byte offsets."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

OVERSIZE_PREFIX_BYTES = 256


@dataclass(frozen=True, slots=True)
class OversizeRecord:
    """A record above the length limit: its first bytes and its full length in bytes."""

    prefix: bytes
    length: int


Record = bytes | msgspec.Raw | OversizeRecord


@dataclass(slots=True)
class RawRecords:
    """Consecutive records, and the offset of each in bytes of the decoded body."""

    records: list[Record] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def add(self, record: Record, offset: int) -> None:
        self.records.append(record)
        self.offsets.append(offset)


@dataclass(frozen=True, slots=True)
class CutRecords:
    """Consecutive plain records that a kernel cut out of `buffer`, with product ids and hashes.

    `starts` and `ends` are indexes in the buffer, which begins at byte `base` of the decoded body.
    """

    buffer: bytes
    base: int
    starts: "array[int]"
    ends: "array[int]"
    ids: "array[int]"
    hashes: "array[int]"

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, end: int) -> "CutRecords":
        """Return the records from slot `start` to before slot `end`."""
        part = slice(start, end)
        return CutRecords(self.buffer, self.base, self.starts[part], self.ends[part], self.ids[part], self.hashes[part])

    @property
    def records(self) -> Iterator[bytes]:
        return (self.buffer[start:end] for start, end in zip(self.starts, self.ends, strict=True))

    @property
    def offsets(self) -> Iterator[int]:
        return (self.base + start for start in self.starts)

    @property
    def size(self) -> int:
        """Bytes of all records, without what is between them."""
        return sum(self.ends) - sum(self.starts)


def truncate_oversize(record: bytes | msgspec.Raw, max_record: int) -> Record:
    """Return the record, or its prefix if it is longer than `max_record` bytes."""
    return OversizeRecord(bytes(record)[:OVERSIZE_PREFIX_BYTES], len(record)) if len(record) > max_record else record
