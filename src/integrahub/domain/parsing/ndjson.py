"""Cuts NDJSON into its records as the blocks come: a line is a record."""

import re

from integrahub.domain.parsing.raw_records import OVERSIZE_PREFIX_BYTES, OversizeRecord, RawRecords, truncate_oversize

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_BLANKS = re.compile(rb"[ \t\r\n]*+")


class NdjsonReader:
    """One record per line; blank lines are no records."""

    def __init__(self, max_record: int) -> None:
        self._max_record = max_record
        self._offset = 0  # of the pending line, in bytes of the body
        self._pending = b""
        self._length = 0  # of the pending line; above len(_pending) when only its beginning is kept

    def feed(self, block: bytes) -> RawRecords:
        """The lines that end in `block`."""
        run = RawRecords()
        start = self._past_blanks(block, 0)
        while (end := block.find(b"\n", start)) >= 0:
            self._grow(block[start:end])
            self._end_line(run)
            start = self._past_blanks(block, end)
        self._grow(block[start:])
        return run

    def close(self) -> RawRecords:
        """The last line, when no newline ended it."""
        run = RawRecords()
        self._end_line(run)
        return run

    def _past_blanks(self, block: bytes, start: int) -> int:
        """Where the next line's record begins; blank lines, however many, are passed at once."""
        match = None if self._length else _BLANKS.match(block, start)
        end = match.end() if match else start
        self._offset += end - start
        return end

    def _grow(self, piece: bytes) -> None:
        self._length += len(piece)
        if len(self._pending) <= self._max_record:
            self._pending += piece[: self._max_record + 1]

    def _end_line(self, run: RawRecords) -> None:
        line, offset = self._pending, self._offset
        if offset == 0 and line.startswith(_BOM):
            line, offset = line[len(_BOM) :], len(_BOM)
        stripped = line.lstrip(_SPACE)
        offset += len(line) - len(stripped)
        if self._length > len(self._pending):
            run.add(OversizeRecord(stripped[:OVERSIZE_PREFIX_BYTES], self._length), offset)
        elif stripped := stripped.rstrip(_SPACE):
            run.add(truncate_oversize(stripped, self._max_record), offset)
        self._offset += self._length
        self._pending, self._length = b"", 0
