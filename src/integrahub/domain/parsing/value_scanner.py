"""Where one JSON value ends, told by quotes and brackets alone, across blocks, without keeping what was passed.

Windows in which the value cannot end are passed at once by counting; only the one in which it ends is walked.
"""

import re
from array import array
from itertools import accumulate

_NARROW = 64  # bytes of a window that is walked
_WIDE = 8192  # bytes of a window at most
_STRUCTURE = re.compile(rb'["{}\[\]]')
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("|\\?\Z)', re.DOTALL)
_DEEPER = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")  # as signed bytes: 1 and -1
_FLAT = bytes(set(range(256)) - set(b"{[}]"))


class ValueScanner:
    """Follows one object, array or string. `stopped` is where the next scan must go on when the end is not there."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self.stopped = 0

    def scan(self, block: bytes, place: int) -> int:
        """The place just past the value, or -1 when `block` ends before it does."""
        width = 0  # the first step tells what kind of value it is
        while place < len(block):
            if self._quoted or not width:
                passed, width = self._walk(block, place, place + 1), width or _NARROW
            elif passed := self._pass(block[place : place + width]):
                place, width = place + passed, min(2 * width, _WIDE)
                continue
            elif width > _NARROW:
                width //= 2
                continue
            else:
                passed = self._walk(block, place, place + width)
            if passed < 0 or self._ended():
                return passed
            place = passed
        self.stopped = place
        return -1

    def _ended(self) -> bool:
        return self._depth == 0 and not self._quoted

    def _pass(self, window: bytes) -> int:
        """How many bytes were passed: 0 when the value may end within the window, which begins outside strings."""
        parts = _STRINGS.split(window)
        brackets = b"".join(parts[::2]).translate(_DEEPER, _FLAT)
        closing = brackets.count(b"\xff")
        if closing >= self._depth and self._depth + min(accumulate(array("b", brackets)), default=0) <= 0:
            return 0
        self._depth += len(brackets) - 2 * closing
        self._quoted = len(parts) > 1 and parts[-2] != b'"'
        return len(window) - (self._quoted and parts[-2] == b"\\")

    def _walk(self, block: bytes, place: int, end: int) -> int:
        """Step by step from `place` until the value ends or `end` is passed; -1 when the block ends before."""
        while place < end:
            place = self._leave_string(block, place) if self._quoted else self._step(block, place)
            if place < 0 or self._ended():
                break
        return place

    def _leave_string(self, block: bytes, place: int) -> int:
        match = _REST_OF_STRING.match(block, place)
        assert match is not None  # the pattern matches the empty string
        if not match[1]:
            self.stopped = match.end()
            return -1
        self._quoted = False
        return match.end()

    def _step(self, block: bytes, place: int) -> int:
        match = _STRUCTURE.search(block, place)
        if match is None:
            self.stopped = len(block)
            return -1
        if match[0] == b'"':
            self._quoted = True
        else:
            self._depth += 1 if match[0] in b"{[" else -1
        return match.end()
