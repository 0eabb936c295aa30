"""Cuts a body into its records as the blocks come: a guessed cut is proven by the JSON parser, else scanned for.

A `}` that ends a guessed run inside a string leaves that string open, and one inside an object leaves the object
open: both are parse errors, so a run that parses is a run of whole records. Guesses are few; what they cannot cut is
scanned by quotes and brackets, so that a body made to defeat the guesses costs a bounded multiple of an honest one,
and a record that is not JSON (NaN, control characters) stays one record among good ones.
"""

import re
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from integrahub.domain.delimiter import Delimiter
from integrahub.domain.errors import BodyFault

_PREFIX = 256  # bytes kept of a record too long to keep
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_BLANKS = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb'[^,\[\]{}" \t\r\n]++')
_BORDER = re.compile(rb"\}[ \t\r\n]*+,[ \t\r\n]*+\{")
_FLAT = re.compile(rb'\{(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+\}', re.DOTALL)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Oversize:
    """A record longer than the limit: its first bytes and its whole length in bytes."""

    prefix: bytes
    length: int


Record = bytes | msgspec.Raw | Oversize


@dataclass(slots=True)
class Run:
    """Consecutive records and where each begins, in bytes of the decoded body."""

    records: list[Record] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def add(self, record: Record, offset: int) -> None:
        """One more record."""
        self.records.append(record)
        self.offsets.append(offset)


class Cutter(Protocol):
    """Feed blocks in order, then close; each gives the records completed. Raises BodyFault."""

    def feed(self, block: bytes) -> Run: ...

    def close(self) -> Run: ...


def cutter_for(media_type: str, max_record: int) -> Cutter:
    """The cutter for `application/json` (an array) or `application/x-ndjson`; `max_record` in bytes."""
    return LineCutter(max_record) if "ndjson" in media_type else ArrayCutter(max_record)


def _kept(record: bytes | msgspec.Raw, max_record: int) -> Record:
    return Oversize(bytes(record)[:_PREFIX], len(record)) if len(record) > max_record else record


class LineCutter:
    """One record per line; blank lines are no records."""

    def __init__(self, max_record: int) -> None:
        self._max_record = max_record
        self._offset = 0  # of the pending line, in bytes of the body
        self._pending = b""
        self._length = 0  # of the pending line; above len(_pending) when only its beginning is kept

    def feed(self, block: bytes) -> Run:
        """The lines that end in `block`."""
        run = Run()
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            self._grow(block[start:end])
            self._end_line(run)
            self._offset += 1
            start = end + 1
        self._grow(block[start:])
        return run

    def close(self) -> Run:
        """The last line, when no newline ended it."""
        run = Run()
        self._end_line(run)
        return run

    def _grow(self, piece: bytes) -> None:
        self._length += len(piece)
        if len(self._pending) <= self._max_record:
            self._pending += piece[: self._max_record + 1]

    def _end_line(self, run: Run) -> None:
        line, offset = self._pending, self._offset
        if offset == 0 and line.startswith(_BOM):
            line, offset = line[len(_BOM) :], len(_BOM)
        stripped = line.lstrip(_SPACE)
        offset += len(line) - len(stripped)
        if self._length > len(self._pending):
            run.add(Oversize(stripped[:_PREFIX], self._length), offset)
        elif stripped := stripped.rstrip(_SPACE):
            run.add(_kept(stripped, self._max_record), offset)
        self._offset += self._length
        self._pending, self._length = b"", 0


class ArrayCutter:
    """The elements of one JSON array. Memory: one block and one record, whatever the body's size."""

    def __init__(self, max_record: int) -> None:
        self._max_record = max_record
        self._buffer = b""
        self._base = 0  # offset of the buffer's first byte in the body
        self._place = 0  # in the buffer
        self._due = self._opening
        self._run = Run()
        self._delimiter: Delimiter | None = None
        self._begun: tuple[bytes, int] | None = None  # beginning and offset of a record too long to keep
        self._complete = False

    def feed(self, block: bytes) -> Run:
        """The records completed by `block`."""
        self._base += self._place
        self._buffer = self._buffer[self._place :] + block
        self._place = 0
        self._run = Run()
        while self._due():
            pass
        return self._run

    def close(self) -> Run:
        """Prove that the array was closed."""
        if not self._complete:
            end = self._base + len(self._buffer)
            raise BodyFault("body_truncated", end)
        return Run()

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
        self._due = self._first
        return True

    def _first(self) -> bool:
        if not self._skip_blanks():
            return False
        if self._buffer[self._place] == ord("]"):
            return self._end()
        self._due = self._record
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
        self._due = self._record
        return True

    def _nothing(self) -> bool:
        if self._skip_blanks():
            raise self._fault("EOF")
        return False

    def _end(self) -> bool:
        self._place += 1
        self._complete = True
        self._due = self._nothing
        return True

    # Ways to find a record's end.

    def _prove(self) -> bool:
        """Take the longest run a guess proves; False when no guess does."""
        for cut in self._guesses():
            text = b"[" + self._buffer[self._place : cut] + b"]"
            try:
                raws = _RAWS.decode(text)
            except (msgspec.MsgspecError, RecursionError):
                continue
            self._take(raws, text)
            self._place = cut
            self._due = self._separator
            return True
        return False

    def _guesses(self) -> list[int]:
        """Places just past a `}` that may end a record, best first."""
        compact = self._buffer.rfind(b'},{"', self._place) + 1
        spaced = 0
        for border in _BORDER.finditer(self._buffer, max(self._place, len(self._buffer) - self._max_record)):
            spaced = border.start() + 1
        return sorted({compact, spaced} - {0}, reverse=True)

    def _take(self, raws: list[msgspec.Raw], text: bytes) -> None:
        place = 1
        shift = self._base + self._place - 1  # of `text` in the body
        for raw in raws:
            match = _BLANKS.match(text, place)
            place = match.end() if match else place
            self._run.add(_kept(raw, self._max_record), shift + place)
            place = text.find(b",", place + len(raw)) + 1

    def _scan(self) -> bool:
        """Take one record by quotes and brackets."""
        start = self._place
        flat = _FLAT.match(self._buffer, start)
        if flat is not None:
            return self._end_record(flat.end())
        if self._buffer[start] in b'{["':
            self._delimiter = Delimiter()
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

    def _go_on(self, delimiter: Delimiter) -> bool:
        end = delimiter.scan(self._buffer, delimiter.stopped)
        if end >= 0:
            self._delimiter = None
            return self._end_record(end)
        if self._begun is None and len(self._buffer) - self._place > self._max_record:
            self._begun = self._buffer[self._place : self._place + _PREFIX], self._base + self._place
        if self._begun is not None:
            self._place = delimiter.stopped  # let go of what was passed
        delimiter.stopped -= self._place  # the next block's buffer begins at the place
        return False

    def _end_record(self, end: int) -> bool:
        if self._begun is not None:
            prefix, offset = self._begun
            self._run.add(Oversize(prefix, self._base + end - offset), offset)
            self._begun = None
        else:
            self._run.add(_kept(self._buffer[self._place : end], self._max_record), self._base + self._place)
        self._place = end
        self._due = self._separator
        return True

    def _skip_blanks(self) -> bool:
        match = _BLANKS.match(self._buffer, self._place)
        self._place = match.end() if match else self._place
        return self._place < len(self._buffer)

    def _fault(self, expected: str) -> BodyFault:
        offset = self._base + self._place
        found = self._buffer[self._place : self._place + 20].decode("utf-8", "replace").replace("\0", "\ufffd")
        return BodyFault("body_malformed", offset, expected=expected, found=found)
