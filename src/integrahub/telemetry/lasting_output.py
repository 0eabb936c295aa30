"""An output that may end before the process does: a closed terminal, a full disk, a pipe that nobody reads."""

from contextlib import suppress
from typing import IO, AnyStr, Generic


class LastingOutput(Generic[AnyStr]):
    """Write what can be written; a line that is lost must not end the work it tells of."""

    def __init__(self, output: IO[AnyStr]) -> None:
        self._output: IO[AnyStr] = output

    def write(self, text: AnyStr) -> int:
        """Write, and return how much was given."""
        with suppress(OSError, ValueError):
            self._output.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        with suppress(OSError, ValueError):
            self._output.flush()
