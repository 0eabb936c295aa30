"""Output that survives a closed terminal, a full disk or a broken pipe."""

from contextlib import suppress
from typing import IO, AnyStr, Generic


class LastingOutput(Generic[AnyStr]):
    """Write to `output` and ignore its errors: a lost log line must not end the work that logged it."""

    def __init__(self, output: IO[AnyStr]) -> None:
        self._output: IO[AnyStr] = output

    def write(self, text: AnyStr) -> int:
        """Write the text and return its length, even if the write fails."""
        with suppress(OSError, ValueError):
            self._output.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the output and ignore its errors."""
        with suppress(OSError, ValueError):
            self._output.flush()
