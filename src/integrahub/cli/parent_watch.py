"""A process the fleet started ends when the fleet is gone, however it went."""

import os
import signal
import threading

_LOOK = 0.5  # seconds between looks
_DRAIN = 10.0  # seconds to end what was begun


def end_with_parent(parent: int | None) -> None:
    """Watch the process `parent` from a thread; None: this process was started by a person."""
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
    never.wait(_DRAIN)
    os._exit(1)
