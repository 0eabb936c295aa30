"""What SIGHUP means: a restart that was asked for, or the end of the terminal that `up` was started in."""

import os
import signal
from contextlib import suppress


class Terminal:
    """The terminal of this process, if it has one, and whether it has ended since."""

    def __init__(self) -> None:
        self._was_there = _is_there()
        self._streams = [number for number in (0, 1, 2) if os.isatty(number)]
        self._is_outlived = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # nohup asked for that

    @property
    def is_closed(self) -> bool:
        """Whether it was there and is gone; never for a process that is to outlive its terminal."""
        return self._was_there and not self._is_outlived and not _is_there()

    def leave(self) -> None:
        """Write nothing to it again: each write to a closed terminal fails."""
        with suppress(OSError):
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in self._streams:
                os.dup2(nothing, number)


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
