"""Cutters: a body becomes its records as the blocks come."""

from typing import Protocol

from integrahub.domain.parsing.json_array import ArrayCutter
from integrahub.domain.parsing.ndjson import LineCutter
from integrahub.domain.parsing.raw_records import Oversize, Record, Run

__all__ = ["Cutter", "Oversize", "Record", "Run", "cut_whole", "cutter_for"]


class Cutter(Protocol):
    """Feed blocks in order, then close; each gives the records completed. Raises BodyFault."""

    def feed(self, block: bytes) -> Run: ...

    def close(self) -> Run: ...


def cutter_for(media_type: str, max_record: int) -> Cutter:
    """The cutter for `application/json` (an array) or `application/x-ndjson`; `max_record` in bytes."""
    return LineCutter(max_record) if "ndjson" in media_type else ArrayCutter(max_record)


def cut_whole(content: bytes, media_type: str, max_record: int) -> Run:
    """All records of a body that is at hand. Raises BodyFault."""
    cutter = cutter_for(media_type, max_record)
    runs = [cutter.feed(content), cutter.close()]
    return Run([record for run in runs for record in run.records], [offset for run in runs for offset in run.offsets])
