"""One hub at a time runs on a folder: a lock that ends with its process, and says whose it is."""

import fcntl
import os
from pathlib import Path
from typing import IO

from integrahub.domain.errors import ConfigurationError


def take_folder(folder: Path) -> IO[bytes]:
    """Make the folder and lock it until the file is closed; ConfigurationError when another hub has the lock."""
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
