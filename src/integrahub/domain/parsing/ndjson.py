"""Reader of NDJSON: one record per line."""

import re

from integrahub.domain.parsing.raw_records import OVERSIZE_PREFIX_BYTES, OversizeRecord, RawRecords, truncate_oversize

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_BLANKS = re.compile(rb"[ \t\r\n]*+")


class NdjsonReader:
    """Reads one record per line and skips blank lines. Memory is bounded by one block and one record."""

    def __init__(self, max_record: int) -> None:
        self._max_record = max_record
        self._offset = 0  # of the unfinished line, in bytes of the body
        self._pending = b""  # the unfinished line, at most max_record + 1 bytes of it
        self._length = 0  # full length of the unfinished line

    def feed(self, block: bytes) -> RawRecords:
        """Return the records of the lines that end in `block`."""
        records = RawRecords()
        start = self._skip_blanks(block, 0)
        while (end := block.find(b"\n", start)) >= 0:
            self._append(block[start:end])
            self._end_line(records)
            start = self._skip_blanks(block, end)
        self._append(block[start:])
        return records

    def close(self) -> RawRecords:
        """Return the record of the last line, if no newline ended it."""
        records = RawRecords()
        self._end_line(records)
        return records

    def _skip_blanks(self, block: bytes, start: int) -> int:
        """Return where the next line that is not blank begins."""
        match = None if self._length else _BLANKS.match(block, start)
        end = match.end() if match else start
        self._offset += end - start
        return end

    def _append(self, part: bytes) -> None:
        self._length += len(part)
        if len(self._pending) <= self._max_record:
            self._pending += part[: self._max_record + 1]

    def _end_line(self, records: RawRecords) -> None:
        line, offset = self._pending, self._offset
        if offset == 0 and line.startswith(_BOM):
            line, offset = line[len(_BOM) :], len(_BOM)
        stripped = line.lstrip(_SPACE)
        offset += len(line) - len(stripped)
        if self._length > len(self._pending):
            records.add(OversizeRecord(stripped[:OVERSIZE_PREFIX_BYTES], self._length), offset)
        elif stripped := stripped.rstrip(_SPACE):
            records.add(truncate_oversize(stripped, self._max_record), offset)
        self._offset += self._length
        self._pending, self._length = b"", 0
