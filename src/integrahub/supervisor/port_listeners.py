"""Processes that listen on a port of this machine, read from /proc; none where there is no /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from integrahub.supervisor.state_file import read_live_pid

_LISTEN = "0A"  # state of a listening socket in /proc/net/tcp
_MAX_COMMAND_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Listener:
    """A process with a listening socket; `folder` is the data folder of a hub, None if unknown.

    `is_running`: a hub with a state file in its folder. A hub that starts or stops has none.
    """

    pid: int
    command: str
    is_hub: bool = False
    is_running: bool = False
    folder: Path | None = None

    def __str__(self) -> str:
        on_folder = f" on {self.folder}" if self.folder else ""
        return f"IntegraHub{on_folder} (process {self.pid})" if self.is_hub else f"process {self.pid} ({self.command})"


def find_listener(port: int) -> Listener | None:
    """Return the process that listens on the port; None if there is none, or one that this account may not inspect."""
    inodes = set(_listening_inodes(port))
    pids = [pid for pid in _list_pids() if inodes & set(_sockets(pid))] if inodes else []
    hubs = [pid for pid in pids if _is_hub(pid)]
    if not hubs:
        return Listener(pids[0], _command(pids[0])) if pids else None
    folder = next((folder for folder in map(_data_folder, hubs) if folder), None)
    supervisor = read_live_pid(folder) if folder else None
    is_running = supervisor in hubs
    pid = supervisor if is_running and supervisor else hubs[0]
    return Listener(pid, "integrahub", is_hub=True, is_running=is_running, folder=folder)


def may_release_port(holder: Listener | None) -> bool:
    """Return whether the port may soon be free: a starting or stopping hub holds it, or the holder is unknown."""
    return holder.is_hub and not holder.is_running if holder else not Path("/proc/net/tcp").exists()


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _list_pids() -> list[int]:
    try:
        return sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return []


def _sockets(pid: int) -> Iterator[str]:
    with suppress(OSError):  # the process ended, or belongs to another account
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


def _arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def _is_hub(pid: int) -> bool:
    return any(part == "integrahub" or part.endswith("/integrahub") for part in _arguments(pid)[:4])


def _command(pid: int) -> str:
    return " ".join(_arguments(pid))[:_MAX_COMMAND_CHARACTERS] or "unknown"


def _data_folder(pid: int) -> Path | None:
    """Return the data folder in the environment that a supervisor gave to this process."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    environment = dict(variable.split(b"=", 1) for variable in variables if b"=" in variable)
    if b"INTEGRAHUB_PARENT_PID" not in environment or b"INTEGRAHUB_DATA_DIR" not in environment:
        return None
    return Path(os.fsdecode(environment[b"INTEGRAHUB_DATA_DIR"]))
