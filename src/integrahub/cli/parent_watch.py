"""End of a process together with the supervisor that started it, however the supervisor ends."""

import os
import signal
import threading

_CHECK_INTERVAL_SECONDS = 0.5
_ORPHAN_DRAIN_TIMEOUT_SECONDS = 10.0


def end_with_parent(parent: int | None) -> None:
    """Watch the process `parent` from a thread; do nothing if None: an operator started this process."""
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_CHECK_INTERVAL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    never.wait(_ORPHAN_DRAIN_TIMEOUT_SECONDS)
    os._exit(1)
