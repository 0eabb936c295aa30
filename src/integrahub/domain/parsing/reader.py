"""Readers that divide a stream of a body into raw records."""

from typing import Protocol

from integrahub.domain.parsing.json_array import JsonArrayReader
from integrahub.domain.parsing.ndjson import NdjsonReader
from integrahub.domain.parsing.raw_records import OversizeRecord, RawRecords, Record

__all__ = ["OversizeRecord", "RawRecords", "Record", "RecordReader", "create_reader", "read_all"]


class RecordReader(Protocol):
    """Reader of one body: feed its blocks in order, then close. Both return completed records or raise BodyError."""

    def feed(self, block: bytes) -> RawRecords: ...

    def close(self) -> RawRecords: ...


def create_reader(media_type: str, max_record: int) -> RecordReader:
    """Create the reader for `application/json` (an array) or `application/x-ndjson`; `max_record` in bytes."""
    return NdjsonReader(max_record) if "ndjson" in media_type else JsonArrayReader(max_record)


def read_all(content: bytes, media_type: str, max_record: int) -> RawRecords:
    """Read all records of a complete body. Raise BodyError if it is not a catalogue."""
    reader = create_reader(media_type, max_record)
    parts = [reader.feed(content), reader.close()]
    return RawRecords(
        [record for part in parts for record in part.records], [offset for part in parts for offset in part.offsets]
    )
