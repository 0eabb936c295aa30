"""Reader of a JSON array that lets a kernel cut plain records, and reads all others as `JsonArrayReader` does.

After a record that is not plain the kernel is tried again some bytes later. Each try that cuts less than that doubles
the distance, and each that cuts more halves it, so a body full of unusual records costs what the reference costs.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from integrahub.domain.parsing.json_array import JsonArrayReader
from integrahub.domain.parsing.raw_records import CutRecords, RawRecords
from integrahub.domain.parsing.reader import RecordReader, create_reader

_MIN_DISTANCE_BYTES = 4096
_MAX_DISTANCE_BYTES = 1 << 20
_MAX_REST_BYTES = 8192  # a longer rest of a block is read by the reference, which scans no byte twice


class CutStatus(IntEnum):
    """Why a cut ended. The kernel has the same numbers."""

    NEEDS_MORE = 0
    NOT_PLAIN = 1
    ARRAY_ENDED = 2
    NO_ROOM = 3


@dataclass(frozen=True, slots=True)
class CutResult:
    """Records of one cut, None if there is none, and the index after them."""

    records: CutRecords | None
    end: int
    status: CutStatus


class RecordCutter(Protocol):
    """Cuts plain records. A cut keeps nothing of the one before."""

    def cut(self, buffer: bytes, base: int, start: int, *, at_record: bool) -> CutResult:
        """Cut from index `start` on; without `at_record` a comma or the end of the array must come first."""
        ...


class KernelArrayReader(JsonArrayReader):
    """Reads the elements of one JSON array, in order, partly by a kernel."""

    def __init__(self, max_record: int, cutter: RecordCutter) -> None:
        super().__init__(max_record)
        self._cutter: RecordCutter | None = cutter
        self._distance = _MIN_DISTANCE_BYTES
        self._next_try = 0  # offset in the body
        self._runs: list[RawRecords | CutRecords] = []

    def read(self, block: bytes) -> list[RawRecords | CutRecords]:
        """Return the records that `block` completes."""
        self._append(block)
        self._runs, self._records = [], RawRecords()
        while self._cut_or_step():
            pass
        self._end_run()
        return self._runs

    def end(self) -> list[RawRecords | CutRecords]:
        """Return the last records. Raise BodyError if the array was not closed."""
        self._cutter = None
        runs = self.read(b"")
        self.close()
        return runs

    def _cut_or_step(self) -> bool:
        """Consume what the kernel or the reference can; return whether the buffer may hold more."""
        if self._cutter is None or self._base + self._index < self._next_try or not self._is_between_records():
            return self._state(self)
        is_at_record = self._state == JsonArrayReader._record
        result = self._cutter.cut(self._buffer, self._base, self._index, at_record=is_at_record)
        cut_bytes = result.end - self._index
        if result.records is not None:
            self._end_run()
            self._runs.append(result.records)
            self._index, self._state = result.end, JsonArrayReader._separator
        if result.status is CutStatus.NO_ROOM:
            return True
        if result.status is CutStatus.NEEDS_MORE and len(self._buffer) - self._index <= _MAX_REST_BYTES:
            return False
        self._wait(cut_bytes)
        return self._state(self)

    def _is_between_records(self) -> bool:
        return self._scanner is None and self._state in (JsonArrayReader._record, JsonArrayReader._separator)

    def _wait(self, cut_bytes: int) -> None:
        """Set where the kernel is tried next, by the bytes that it cut this time."""
        if cut_bytes >= self._distance:
            self._distance = max(_MIN_DISTANCE_BYTES, self._distance // 2)
        else:
            self._distance = min(_MAX_DISTANCE_BYTES, self._distance * 2)
        self._next_try = self._base + self._index + self._distance

    def _guesses(self) -> list[int]:
        if self._cutter is not None:  # prove no more than up to the next try of the kernel
            left = self._next_try - self._base - self._index
            self._reach = min(self._reach, max(left, _MIN_DISTANCE_BYTES))
        return super()._guesses()

    def _end_run(self) -> None:
        if self._records.records:
            self._runs.append(self._records)
            self._records = RawRecords()


class RunReader(Protocol):
    """Reader of one body that returns runs of records, cut by a kernel or not."""

    def read(self, block: bytes) -> list[RawRecords | CutRecords]: ...

    def end(self) -> list[RawRecords | CutRecords]: ...


@dataclass(frozen=True, slots=True)
class ReferenceRuns:
    """A reference reader as a `RunReader`."""

    reader: RecordReader

    def read(self, block: bytes) -> list[RawRecords | CutRecords]:
        """Return the records that `block` completes."""
        return [self.reader.feed(block)]

    def end(self) -> list[RawRecords | CutRecords]:
        """Return the last records. Raise BodyError if the body is not complete."""
        return [self.reader.close()]


def create_run_reader(media_type: str, max_record: int, cutter: RecordCutter | None) -> RunReader:
    """Create a reader that uses the cutter, if there is one and the body is a JSON array."""
    if cutter is None or "ndjson" in media_type:
        return ReferenceRuns(create_reader(media_type, max_record))
    return KernelArrayReader(max_record, cutter)
