"""Folder of the files of a test run: in memory where the machine has room, since waiting for a disk proves nothing.

What tests kill is a process, never the machine: its files outlive it in memory too.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_MIN_FREE_BYTES = 8 << 30
_PREFIX = "ihub-run"  # short, as the path of a socket must be


def use_scratch_folder() -> Path:
    """Make temporary files of this process and its children in a folder of their own; remove it at the exit."""
    if inherited := os.environ.get("IHUB_SCRATCH"):  # an xdist worker uses the folder of its session
        tempfile.tempdir = inherited
        return Path(inherited)
    parent = _SHARED_MEMORY if _has_room(_SHARED_MEMORY) else Path("/tmp")
    _remove_abandoned(parent)
    folder = parent / f"{_PREFIX}{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o711)  # PostgreSQL runs as another user
    os.environ |= {"IHUB_SCRATCH": str(folder), "TMPDIR": str(folder)}
    tempfile.tempdir = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _has_room(folder: Path) -> bool:
    """Return whether programs can run in the folder, and both it and the memory have room for a test run."""
    try:
        place = os.statvfs(folder)
        rows = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return False
    memory = next((int(row.split()[1]) << 10 for row in rows if row.startswith("MemAvailable:")), 0)
    return not place.f_flag & os.ST_NOEXEC and min(memory, place.f_bavail * place.f_frsize) >= _MIN_FREE_BYTES


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders of sessions that were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(_PREFIX)).exists():
            shutil.rmtree(folder, ignore_errors=True)
