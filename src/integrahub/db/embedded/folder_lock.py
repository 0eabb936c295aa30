"""The lock of a data folder: one hub at a time; the lock ends with its process and stores the process id."""

import fcntl
import os
from pathlib import Path
from typing import IO

from integrahub.domain.errors import ConfigurationError


def take_folder(folder: Path) -> IO[bytes]:
    """Create the folder and lock it until the returned file is closed.

    Raise ConfigurationError if another hub holds the lock, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = open(folder / "lock", "a+b")  # noqa: SIM115
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be written: {error}. Choose another with INTEGRAHUB_DATA_DIR."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        with lock:
            pid = lock.read(20).decode(errors="replace").strip()
        raise ConfigurationError(
            f"Another IntegraHub is running on {folder}{f': process {pid}' if pid.isdigit() else ''}. "
            "Stop it first, or choose another folder with INTEGRAHUB_DATA_DIR."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()).encode())
    lock.flush()
    return lock
