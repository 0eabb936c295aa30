"""Cuts a body into its records as the blocks come: a guessed cut is proven by the JSON parser, else scanned for.

A `}` that ends a guessed run inside a string leaves that string open, and one inside an object leaves the object
open: both are parse errors, so a run that parses is a run of whole records. What a guess cannot cut is scanned by
quotes and brackets, one record, and each guess that fails halves the reach of the next: so a body made to defeat the
guesses costs a bounded multiple of an honest one, and a record that is not JSON (NaN, control characters) stays one
record among good ones.
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
_GAP = 200  # bytes of blanks between two records at which a guess still finds the border
_LEVELS = 10  # deeper records are followed by the delimiter
_LEAST_REACH = 2048  # bytes a guess looks ahead, at least and at most
_MOST_REACH = 1 << 20
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def _nested(levels: int) -> bytes:
    """A pattern of objects and arrays of so many levels, without a way back: it fails as fast as it matches."""
    plain = rb'[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    inner = rb"(?:" + plain + rb")*+"
    for _ in range(levels - 1):
        inner = rb"(?:" + plain + rb"|[{\[]" + inner + rb"[}\]])*+"
    return rb"[{\[]" + inner + rb"[}\]]"


_NESTED = re.compile(_nested(_LEVELS), re.DOTALL)


class JsonArrayReader:
    """The elements of one JSON array. Memory: one block and one record, whatever the body's size."""

    def __init__(self, max_record: int) -> None:
        self._max_record = max_record
        self._buffer = b""
        self._base = 0  # offset of the buffer's first byte in the body
        self._place = 0  # in the buffer
        # Functions, not bound methods: a cutter in a cycle would keep its records until the collector runs.
        self._due: Callable[[JsonArrayReader], bool] = JsonArrayReader._opening
        self._run = RawRecords()
        self._reach = _MOST_REACH
        self._delimiter: ValueScanner | None = None
        self._begun: tuple[bytes, int] | None = None  # beginning and offset of a record too long to keep
        self._complete = False

    def feed(self, block: bytes) -> RawRecords:
        """The records completed by `block`."""
        self._base += self._place
        self._buffer = self._buffer[self._place :] + block
        self._place = 0
        self._run = RawRecords()
        while self._due(self):
            pass
        return self._run

    def close(self) -> RawRecords:
        """Prove that the array was closed."""
        if not self._complete:
            end = self._base + len(self._buffer)
            raise BodyError("body_truncated", end)
        return RawRecords()

    # What is due next. Each takes what it can and says whether there may be more to take.

    def _opening(self) -> bool:
        if self._base == 0 and _BOM.startswith(self._buffer[:3]) and len(self._buffer) < 3:
            return False
        if self._base == 0 and self._place == 0 and self._buffer.startswith(_BOM):
            self._place = 3
        return self._skip_blanks() and self._open()

    def _open(self) -> bool:
        if self._buffer[self._place] != ord("["):
            raise self._fault("`[`")
        self._place += 1
        self._due = JsonArrayReader._first
        return True

    def _first(self) -> bool:
        if not self._skip_blanks():
            return False
        if self._buffer[self._place] == ord("]"):
            return self._end()
        self._due = JsonArrayReader._record
        return True

    def _record(self) -> bool:
        if self._delimiter is not None:
            return self._go_on(self._delimiter)
        return self._skip_blanks() and (self._prove() or self._scan())

    def _separator(self) -> bool:
        if not self._skip_blanks():
            return False
        if self._buffer[self._place] == ord("]"):
            return self._end()
        if self._buffer[self._place] != ord(","):
            raise self._fault("`,` | `]`")
        self._place += 1
        self._due = JsonArrayReader._record
        return True

    def _nothing(self) -> bool:
        if self._skip_blanks():
            raise self._fault("EOF")
        return False

    def _end(self) -> bool:
        self._place += 1
        self._complete = True
        self._due = JsonArrayReader._nothing
        return True

    # Ways to find a record's end.

    def _prove(self) -> bool:
        """Take the longest run a guess proves; False when no guess does."""
        for cut in self._guesses():
            text = b"[" + self._buffer[self._place : cut] + b"]"
            try:
                raws = _RAWS.decode(text)
            except (msgspec.MsgspecError, RecursionError):
                self._reach = max(_LEAST_REACH, self._reach // 2)
                continue
            self._take(raws, text)
            self._place = cut
            self._reach = min(_MOST_REACH, self._reach * 2)
            self._due = JsonArrayReader._separator
            return True
        return False

    def _guesses(self) -> list[int]:
        """Places just past a `}` that may end a record, best first."""
        if self._buffer[self._place] != ord("{"):
            return []
        end = min(len(self._buffer), self._place + self._reach)
        compact = self._buffer.rfind(b'},{"', self._place, end) + 1
        begun = self._buffer.rfind(b"{", self._place, end)
        before = max(self._place, begun - _GAP)
        border = _BORDER.search(self._buffer[before : max(before, begun)])
        spaced = before + border.start() + 1 if border else 0
        if not compact and not spaced:
            self._reach = max(_LEAST_REACH, self._reach // 2)
        return sorted({compact, spaced} - {0}, reverse=True)

    def _take(self, raws: list[msgspec.Raw], text: bytes) -> None:
        place = 1
        shift = self._base + self._place - 1  # of `text` in the body
        for raw in raws:
            match = _BLANKS.match(text, place)
            place = match.end() if match else place
            self._run.add(truncate_oversize(raw, self._max_record), shift + place)
            place = text.find(b",", place + len(raw)) + 1

    def _scan(self) -> bool:
        """Take one record by quotes and brackets."""
        start = self._place
        nested = _NESTED.match(self._buffer, start)
        if nested is not None:
            return self._end_record(nested.end())
        if self._buffer[start] in b'{["':
            self._delimiter = ValueScanner()
            self._delimiter.stopped = start
            return self._go_on(self._delimiter)
        return self._scan_scalar()

    def _scan_scalar(self) -> bool:
        scalar = _SCALAR.match(self._buffer, self._place)
        if scalar is None:
            raise self._fault("`{`")
        if scalar.end() == len(self._buffer) <= self._place + self._max_record:
            return False  # it may go on in the next block
        return self._end_record(scalar.end())

    def _go_on(self, delimiter: ValueScanner) -> bool:
        end = delimiter.scan(self._buffer, delimiter.stopped)
        if end >= 0:
            self._delimiter = None
            return self._end_record(end)
        if self._begun is None and len(self._buffer) - self._place > self._max_record:
            self._begun = self._buffer[self._place : self._place + OVERSIZE_PREFIX_BYTES], self._base + self._place
        if self._begun is not None:
            self._place = delimiter.stopped  # let go of what was passed
        delimiter.stopped -= self._place  # the next block's buffer begins at the place
        return False

    def _end_record(self, end: int) -> bool:
        if self._begun is not None:
            prefix, offset = self._begun
            self._run.add(OversizeRecord(prefix, self._base + end - offset), offset)
            self._begun = None
        else:
            self._run.add(
                truncate_oversize(self._buffer[self._place : end], self._max_record), self._base + self._place
            )
        self._place = end
        self._due = JsonArrayReader._separator
        return True

    def _skip_blanks(self) -> bool:
        match = _BLANKS.match(self._buffer, self._place)
        self._place = match.end() if match else self._place
        return self._place < len(self._buffer)

    def _fault(self, expected: str) -> BodyError:
        offset = self._base + self._place
        found = self._buffer[self._place : self._place + 20].decode("utf-8", "replace").replace("\0", "\ufffd")
        return BodyError("body_malformed", offset, expected=expected, found=found)
