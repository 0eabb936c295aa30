"""Raw records of a body with their byte offsets."""

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


def truncate_oversize(record: bytes | msgspec.Raw, max_record: int) -> Record:
    """Return the record, or its prefix if it is longer than `max_record` bytes."""
    return OversizeRecord(bytes(record)[:OVERSIZE_PREFIX_BYTES], len(record)) if len(record) > max_record else record
