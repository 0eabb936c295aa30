"""Reader of a JSON array: divides a stream into the array's elements.

The reader guesses where a record ends and lets the JSON parser prove it. If a guessed end is inside a string or an
object, the text before it does not parse. Text that parses holds whole records.

If no guess is proven, the reader scans one record by quotes and brackets. Each failed guess halves the reach of the
next one, so that a hostile body costs only a bounded multiple of an honest one. A record that is no JSON (NaN,
control characters) stays one record and does not affect others.
"""

import re
from collections.abc import Callable

import msgspec

from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.raw_records import OVERSIZE_PREFIX_BYTES, OversizeRecord, RawRecords, truncate_oversize
from integrahub.domain.parsing.value_scanner import ValueScanner

_BOM = b"\xef\xbb\xbf"
_BLANKS = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb'[^,\[\]{}" \t\r\n]++')
_BORDER = re.compile(rb"\}[ \t\r\n]*+,[ \t\r\n]*+\Z")
_MAX_GAP_BYTES = 200  # of blanks between two records, for a guess to find their border
_MAX_PATTERN_DEPTH = 10  # deeper records are scanned by ValueScanner
# How far ahead a guess may look.
_MIN_REACH_BYTES = 2048
_MAX_REACH_BYTES = 1 << 20
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def _nested_pattern(levels: int) -> bytes:
    """Return a pattern of objects and arrays with at most `levels` levels, possessive so that it never backtracks."""
    plain = rb'[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    inner = rb"(?:" + plain + rb")*+"
    for _ in range(levels - 1):
        inner = rb"(?:" + plain + rb"|[{\[]" + inner + rb"[}\]])*+"
    return rb"[{\[]" + inner + rb"[}\]]"


_NESTED = re.compile(_nested_pattern(_MAX_PATTERN_DEPTH), re.DOTALL)


class JsonArrayReader:
    """Reads the elements of one JSON array. Memory is bounded by one block and one record."""

    def __init__(self, max_record: int) -> None:
        self._max_record = max_record
        self._buffer = b""
        self._base = 0  # offset of the buffer's first byte in the body
        self._index = 0  # in the buffer
        # Functions, not bound methods: a cutter in a cycle would keep its records until the collector runs.
        self._state: Callable[[JsonArrayReader], bool] = JsonArrayReader._before_array
        self._records = RawRecords()
        self._reach = _MAX_REACH_BYTES
        self._scanner: ValueScanner | None = None
        self._oversize: tuple[bytes, int] | None = None  # prefix and offset of an unfinished oversize record
        self._is_complete = False

    def feed(self, block: bytes) -> RawRecords:
        """Return the records that `block` completes."""
        self._append(block)
        self._records = RawRecords()
        while self._state(self):
            pass
        return self._records

    def _append(self, block: bytes) -> None:
        self._base += self._index
        self._buffer = self._buffer[self._index :] + block
        self._index = 0

    def close(self) -> RawRecords:
        """Raise BodyError if the array was not closed."""
        if not self._is_complete:
            end = self._base + len(self._buffer)
            raise BodyError("body_truncated", end)
        return RawRecords()

    # Parser states. Each consumes what it can and returns whether the buffer may hold more.

    def _before_array(self) -> bool:
        if self._base == 0 and _BOM.startswith(self._buffer[:3]) and len(self._buffer) < 3:
            return False
        if self._base == 0 and self._index == 0 and self._buffer.startswith(_BOM):
            self._index = 3
        return self._skip_blanks() and self._open()

    def _open(self) -> bool:
        if self._buffer[self._index] != ord("["):
            raise self._unexpected("`[`")
        self._index += 1
        self._state = JsonArrayReader._before_first
        return True

    def _before_first(self) -> bool:
        if not self._skip_blanks():
            return False
        if self._buffer[self._index] == ord("]"):
            return self._end()
        self._state = JsonArrayReader._record
        return True

    def _record(self) -> bool:
        if self._scanner is not None:
            return self._continue_scan(self._scanner)
        return self._skip_blanks() and (self._prove() or self._scan())

    def _separator(self) -> bool:
        if not self._skip_blanks():
            return False
        if self._buffer[self._index] == ord("]"):
            return self._end()
        if self._buffer[self._index] != ord(","):
            raise self._unexpected("`,` | `]`")
        self._index += 1
        self._state = JsonArrayReader._record
        return True

    def _after_array(self) -> bool:
        if self._skip_blanks():
            raise self._unexpected("EOF")
        return False

    def _end(self) -> bool:
        self._index += 1
        self._is_complete = True
        self._state = JsonArrayReader._after_array
        return True

    # Ways to find the end of a record.

    def _prove(self) -> bool:
        """Consume the most records that a guess proves; return False if none is proven."""
        for cut in self._guesses():
            text = b"[" + self._buffer[self._index : cut] + b"]"
            try:
                raws = _RAWS.decode(text)
            except (msgspec.MsgspecError, RecursionError):
                self._reach = max(_MIN_REACH_BYTES, self._reach // 2)
                continue
            self._add_all(raws, text)
            self._index = cut
            self._reach = min(_MAX_REACH_BYTES, self._reach * 2)
            self._state = JsonArrayReader._separator
            return True
        return False

    def _guesses(self) -> list[int]:
        """Return indexes after a `}` that may end a record, the furthest first."""
        if self._buffer[self._index] != ord("{"):
            return []
        end = min(len(self._buffer), self._index + self._reach)
        compact = self._buffer.rfind(b'},{"', self._index, end) + 1
        open_brace = self._buffer.rfind(b"{", self._index, end)
        before = max(self._index, open_brace - _MAX_GAP_BYTES)
        border = _BORDER.search(self._buffer[before : max(before, open_brace)])
        spaced = before + border.start() + 1 if border else 0
        if not compact and not spaced:
            self._reach = max(_MIN_REACH_BYTES, self._reach // 2)
        return sorted({compact, spaced} - {0}, reverse=True)

    def _add_all(self, raws: list[msgspec.Raw], text: bytes) -> None:
        index = 1
        shift = self._base + self._index - 1  # of `text` in the body
        for raw in raws:
            match = _BLANKS.match(text, index)
            index = match.end() if match else index
            self._records.add(truncate_oversize(raw, self._max_record), shift + index)
            index = text.find(b",", index + len(raw)) + 1

    def _scan(self) -> bool:
        """Consume one record by quotes and brackets."""
        start = self._index
        nested = _NESTED.match(self._buffer, start)
        if nested is not None:
            return self._end_record(nested.end())
        if self._buffer[start] in b'{["':
            self._scanner = ValueScanner()
            self._scanner.stopped = start
            return self._continue_scan(self._scanner)
        return self._scan_scalar()

    def _scan_scalar(self) -> bool:
        scalar = _SCALAR.match(self._buffer, self._index)
        if scalar is None:
            raise self._unexpected("`{`")
        if scalar.end() == len(self._buffer) <= self._index + self._max_record:
            return False  # it may continue in the next block
        return self._end_record(scalar.end())

    def _continue_scan(self, scanner: ValueScanner) -> bool:
        end = scanner.scan(self._buffer, scanner.stopped)
        if end >= 0:
            self._scanner = None
            return self._end_record(end)
        if self._oversize is None and len(self._buffer) - self._index > self._max_record:
            self._oversize = self._buffer[self._index : self._index + OVERSIZE_PREFIX_BYTES], self._base + self._index
        if self._oversize is not None:
            self._index = scanner.stopped  # drop the text of the oversize record
        scanner.stopped -= self._index  # `feed` drops the buffer before `_index`
        return False

    def _end_record(self, end: int) -> bool:
        if self._oversize is not None:
            prefix, offset = self._oversize
            self._records.add(OversizeRecord(prefix, self._base + end - offset), offset)
            self._oversize = None
        else:
            self._records.add(
                truncate_oversize(self._buffer[self._index : end], self._max_record), self._base + self._index
            )
        self._index = end
        self._state = JsonArrayReader._separator
        return True

    def _skip_blanks(self) -> bool:
        match = _BLANKS.match(self._buffer, self._index)
        self._index = match.end() if match else self._index
        return self._index < len(self._buffer)

    def _unexpected(self, expected: str) -> BodyError:
        offset = self._base + self._index
        found = self._buffer[self._index : self._index + 20].decode("utf-8", "replace").replace("\0", "\ufffd")
        return BodyError("body_malformed", offset, expected=expected, found=found)
