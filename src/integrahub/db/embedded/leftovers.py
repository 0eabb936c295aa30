"""Finds and ends what an earlier run of the embedded PostgreSQL left on its folder: processes and pid files."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from integrahub.domain.errors import ConfigurationError

_POLL = 0.02  # seconds
_LINUX = sys.platform == "linux"


def remove_stale(lock: Path, cluster: Path) -> None:
    """Remove a pid file whose process is proven not to be this cluster's server; on doubt PostgreSQL decides."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid = abs(int((lock.read_text().splitlines() or [""])[0]))
        if pid == os.getpid() or _serves(pid, cluster) is False:
            lock.unlink()


async def end_strays(cluster: Path) -> None:
    """End what a killed parent left running on this folder, gently first, and wait until it is gone."""
    for sign, seconds in ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0), (signal.SIGKILL, 15.0)):
        strays = _strays(cluster)
        heads = [pid for pid, parent in strays.items() if parent not in strays] or list(strays)
        for pid in heads if sign != signal.SIGKILL else strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = asyncio.get_running_loop().time() + seconds
        while strays and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL)
            strays = _strays(cluster)
        if not strays:
            return
    raise ConfigurationError(f"A PostgreSQL left on {cluster} does not end: process ids {sorted(strays)}. End them.")


def _strays(cluster: Path) -> dict[int, int]:
    """Live PostgreSQL processes on this folder, with their parents."""
    if not _LINUX:
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((cluster / "postmaster.pid").read_text().splitlines()[0])
            return {pid: 0} if _serves(pid, cluster) else {}
        return {}
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _serves(int(entry.name), cluster):
            with contextlib.suppress(OSError):
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def _serves(pid: int, cluster: Path) -> bool | None:
    """Whether this process is a PostgreSQL program on this folder; None when that cannot be seen."""
    try:
        os.kill(pid, 0)
        if not _LINUX:
            told = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
            return "postgres" in told and str(cluster) in told
        program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)").rpartition("/")[2]
        return program in ("postgres", "initdb") and os.path.samefile(f"/proc/{pid}/cwd", cluster)
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return None
