"""Where one JSON value ends, told by quotes and brackets alone, across blocks, without keeping what was passed."""

import re

_STRUCTURE = re.compile(rb'["{}\[\]]')
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)


class Delimiter:
    """Follows one object, array or string. `stopped` is where the next scan must go on when the end is not there."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self.stopped = 0

    def scan(self, block: bytes, place: int) -> int:
        """The place just past the value, or -1 when `block` ends before it does."""
        while True:
            place = self._leave_string(block, place) if self._quoted else self._step(block, place)
            if place < 0 or (self._depth == 0 and not self._quoted):
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
