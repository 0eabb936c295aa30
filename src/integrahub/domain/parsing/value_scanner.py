"""Scanner that finds the end of one JSON value in a stream, by quotes and brackets alone.

The scanner skips windows in which the value cannot end by counting brackets. It walks only the window of the end.
"""

import re
from array import array
from itertools import accumulate

_MIN_WINDOW_BYTES = 64  # a window of this size is walked
_MAX_WINDOW_BYTES = 8192
_STRUCTURE = re.compile(rb'["{}\[\]]')
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("|\\?\Z)', re.DOTALL)
_DEPTH_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")  # as signed bytes: 1 and -1
_OTHER_BYTES = bytes(set(range(256)) - set(b"{[}]"))


class ValueScanner:
    """Finds the end of one object, array or string.

    If a block ends before the value does, `stopped` is where the next scan must continue.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self.stopped = 0

    def scan(self, block: bytes, index: int) -> int:
        """Return the index after the value, or -1 if `block` ends before the value does."""
        width = 0  # the first character must be walked: it says whether the value is a string
        while index < len(block):
            if self._in_string or not width:
                next_index, width = self._walk(block, index, index + 1), width or _MIN_WINDOW_BYTES
            elif skipped := self._skip_window(block[index : index + width]):
                index, width = index + skipped, min(2 * width, _MAX_WINDOW_BYTES)
                continue
            elif width > _MIN_WINDOW_BYTES:
                width //= 2
                continue
            else:
                next_index = self._walk(block, index, index + width)
            if next_index < 0 or self._has_ended():
                return next_index
            index = next_index
        self.stopped = index
        return -1

    def _has_ended(self) -> bool:
        return self._depth == 0 and not self._in_string

    def _skip_window(self, window: bytes) -> int:
        """Skip a window that begins outside strings; return its length, or 0 if the value may end in it."""
        parts = _STRINGS.split(window)
        brackets = b"".join(parts[::2]).translate(_DEPTH_STEPS, _OTHER_BYTES)
        closing = brackets.count(b"\xff")
        if closing >= self._depth and self._depth + min(accumulate(array("b", brackets)), default=0) <= 0:
            return 0
        self._depth += len(brackets) - 2 * closing
        self._in_string = len(parts) > 1 and parts[-2] != b'"'
        return len(window) - (self._in_string and parts[-2] == b"\\")

    def _walk(self, block: bytes, index: int, end: int) -> int:
        """Walk from `index` until the value ends or `end` is passed; return -1 if the block ends before."""
        while index < end:
            index = self._leave_string(block, index) if self._in_string else self._step(block, index)
            if index < 0 or self._has_ended():
                break
        return index

    def _leave_string(self, block: bytes, index: int) -> int:
        match = _REST_OF_STRING.match(block, index)
        assert match is not None  # the pattern matches the empty string
        if not match[1]:
            self.stopped = match.end()
            return -1
        self._in_string = False
        return match.end()

    def _step(self, block: bytes, index: int) -> int:
        match = _STRUCTURE.search(block, index)
        if match is None:
            self.stopped = len(block)
            return -1
        if match[0] == b'"':
            self._in_string = True
        else:
            self._depth += 1 if match[0] in b"{[" else -1
        return match.end()
