"""What an earlier run left on the folder of the embedded PostgreSQL: processes, pid files, half a restoration."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from integrahub.domain.errors import ConfigurationError

RESTORED = "cluster.restored"  # the cluster until its restoration ends
_POLL_INTERVAL_SECONDS = 0.02
# Signals of a fast shutdown, an immediate shutdown and a kill, each with the seconds to wait for it.
_STOP_SIGNALS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0), (signal.SIGKILL, 15.0))
_LINUX = sys.platform == "linux"


def check_restoration(folder: Path, cluster: Path) -> None:
    """Raise ConfigurationError if a restoration to this folder did not end, rather than begin with an empty hub."""
    if (folder / RESTORED).exists() and not cluster.exists():
        raise ConfigurationError(
            f"The restoration to {folder.parent} did not end: {RESTORED} in {folder} is half a database. Remove the "
            "folder and restore the backup again."
        )


def remove_stale_pid_file(pid_file: Path, cluster: Path) -> None:
    """Remove a pid file if its process is certainly not a server of this cluster. If uncertain, PostgreSQL decides."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid = abs(int((pid_file.read_text().splitlines() or [""])[0]))
        if pid == os.getpid() or _is_server(pid, cluster) is False:
            pid_file.unlink()


async def stop_leftover_servers(cluster: Path) -> None:
    """Stop servers on this folder whose hub was killed, with stronger signals if needed, and wait until they exit."""
    for sign, seconds in _STOP_SIGNALS:
        servers = _find_servers(cluster)
        roots = [pid for pid, parent in servers.items() if parent not in servers] or list(servers)
        for pid in roots if sign != signal.SIGKILL else servers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = asyncio.get_running_loop().time() + seconds
        while servers and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_INTERVAL_SECONDS)
            servers = _find_servers(cluster)
        if not servers:
            return
    raise ConfigurationError(f"A PostgreSQL left on {cluster} does not stop: process ids {sorted(servers)}. Kill them.")


def _find_servers(cluster: Path) -> dict[int, int]:
    """Return the parents of all live PostgreSQL processes on this folder, by process id."""
    if not _LINUX:
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((cluster / "postmaster.pid").read_text().splitlines()[0])
            return {pid: 0} if _is_server(pid, cluster) else {}
        return {}
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _is_server(int(entry.name), cluster):
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return parents


def _is_server(pid: int, cluster: Path) -> bool | None:
    """Return whether the process is a PostgreSQL program on this folder, or None if that cannot be determined."""
    try:
        os.kill(pid, 0)
        if not _LINUX:
            command = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
            return "postgres" in command and str(cluster) in command
        program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)").rpartition("/")[2]
        return program in ("postgres", "initdb") and os.path.samefile(f"/proc/{pid}/cwd", cluster)
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return None
