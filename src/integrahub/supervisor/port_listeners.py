"""Who listens on a port of this machine, as /proc tells it; nothing where there is no /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from integrahub.supervisor import state_file as place

_LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Listener:
    """A process with a listening socket; `folder` is the data folder of an IntegraHub, None where it is not known.

    `is_running`: it is a hub that goes on. One that starts, or ends, is not announced in its folder.
    """

    pid: int
    command: str
    is_hub: bool = False
    is_running: bool = False
    folder: Path | None = None

    def __str__(self) -> str:
        kept = f" on {self.folder}" if self.folder else ""
        return f"IntegraHub{kept} (process {self.pid})" if self.is_hub else f"process {self.pid} ({self.command})"


def listener_on(port: int) -> Listener | None:
    """Return who listens on the port; None when nobody does, or a process that this account may not look at."""
    inodes = set(_inodes(port))
    holders = [pid for pid in _processes() if inodes & set(_sockets(pid))] if inodes else []
    hubs = [pid for pid in holders if _is_hub(pid)]
    if not hubs:
        return Listener(holders[0], _command(holders[0])) if holders else None
    folder = next((folder for folder in map(_folder, hubs) if folder), None)
    announced = place.announced_pid(folder) if folder else None
    is_running = announced in hubs
    return Listener(announced if is_running and announced else hubs[0], "integrahub", True, is_running, folder)


def may_let_go(holder: Listener | None) -> bool:
    """Return whether a port may be free in a moment: a hub that starts or ends has it, or that cannot be seen."""
    return holder.is_hub and not holder.is_running if holder else not Path("/proc/net/tcp").exists()


def _inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _processes() -> list[int]:
    try:
        return sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return []


def _sockets(pid: int) -> Iterator[str]:
    with suppress(OSError):  # it ended, or is another account's
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
    return " ".join(_arguments(pid))[:80] or "unknown"


def _folder(pid: int) -> Path | None:
    """The folder that a fleet names to its processes."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = dict(variable.split(b"=", 1) for variable in variables if b"=" in variable)
    if b"INTEGRAHUB_PARENT_PID" not in found or b"INTEGRAHUB_DATA_DIR" not in found:
        return None
    return Path(os.fsdecode(found[b"INTEGRAHUB_DATA_DIR"]))
