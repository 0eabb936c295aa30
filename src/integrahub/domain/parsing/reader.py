"""Cutters: a body becomes its records as the blocks come."""

from typing import Protocol

from integrahub.domain.parsing.json_array import JsonArrayReader
from integrahub.domain.parsing.ndjson import NdjsonReader
from integrahub.domain.parsing.raw_records import OversizeRecord, RawRecords, Record

__all__ = ["OversizeRecord", "RawRecords", "Record", "RecordReader", "create_reader", "read_all"]


class RecordReader(Protocol):
    """Feed blocks in order, then close; each gives the records completed. Raises BodyError."""

    def feed(self, block: bytes) -> RawRecords: ...

    def close(self) -> RawRecords: ...


def create_reader(media_type: str, max_record: int) -> RecordReader:
    """The cutter for `application/json` (an array) or `application/x-ndjson`; `max_record` in bytes."""
    return NdjsonReader(max_record) if "ndjson" in media_type else JsonArrayReader(max_record)


def read_all(content: bytes, media_type: str, max_record: int) -> RawRecords:
    """All records of a body that is at hand. Raises BodyError."""
    cutter = create_reader(media_type, max_record)
    runs = [cutter.feed(content), cutter.close()]
    return RawRecords(
        [record for run in runs for record in run.records], [offset for run in runs for offset in run.offsets]
    )
