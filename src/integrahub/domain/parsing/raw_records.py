"""What cutters give: consecutive records of a body, each with its place."""

from dataclasses import dataclass, field

import msgspec

OVERSIZE_PREFIX_BYTES = 256  # bytes kept of a record too long to keep


@dataclass(frozen=True, slots=True)
class OversizeRecord:
    """A record longer than the limit: its first bytes and its whole length in bytes."""

    prefix: bytes
    length: int


Record = bytes | msgspec.Raw | OversizeRecord


@dataclass(slots=True)
class RawRecords:
    """Consecutive records and where each begins, in bytes of the decoded body."""

    records: list[Record] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def add(self, record: Record, offset: int) -> None:
        """One more record."""
        self.records.append(record)
        self.offsets.append(offset)


def truncate_oversize(record: bytes | msgspec.Raw, max_record: int) -> Record:
    """The record, or what is kept of one longer than `max_record` bytes."""
    return OversizeRecord(bytes(record)[:OVERSIZE_PREFIX_BYTES], len(record)) if len(record) > max_record else record
