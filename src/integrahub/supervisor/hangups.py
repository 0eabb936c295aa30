"""Meaning of SIGHUP: a requested restart, or the end of the terminal that `up` was started in."""

import os
import signal
from contextlib import suppress

_STANDARD_STREAMS = (0, 1, 2)


class Terminal:
    """The controlling terminal of this process, if it had one at its start."""

    def __init__(self) -> None:
        self._existed = _has_terminal()
        self._streams = [number for number in _STANDARD_STREAMS if os.isatty(number)]
        self._is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # started by nohup

    @property
    def is_closed(self) -> bool:
        """Whether the terminal was closed; never true for a process started by nohup."""
        return self._existed and not self._is_ignored and not _has_terminal()

    def detach(self) -> None:
        """Redirect the streams of the terminal to /dev/null: each write to a closed terminal fails."""
        with suppress(OSError):
            null = os.open(os.devnull, os.O_RDWR)
            for number in self._streams:
                os.dup2(null, number)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
