"""Processes of services stopped with SIGSTOP, as by a hung machine, and continued."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def family(pid: int) -> list[int]:
    """Return a process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    pids = [pid]
    for one in pids:
        pids += children.get(one, [])
    return pids


def stop(pid: int) -> list[int]:
    """Stop a process and its descendants, including new ones; return those to continue."""
    stopped: list[int] = []
    while new := [one for one in family(pid) if one not in stopped]:
        for one in new:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGSTOP)
        stopped += new
    return stopped


def go_on(stopped: list[int]) -> None:
    """Continue the processes that `stop` stopped."""
    for one in stopped:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGCONT)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process and its descendants until the block ends."""
    stopped = stop(pid)
    try:
        yield
    finally:
        go_on(stopped)


def postmaster(folder: Path) -> int:
    """Return the process id of the PostgreSQL whose data is below `folder`."""
    return int(next(folder.rglob("postmaster.pid")).read_text().splitlines()[0])


def child(program: str) -> int:
    """Return the process id of this process's newest child that runs `program`."""
    pids = []
    for one in family(os.getpid())[1:]:
        with suppress(OSError):
            command = (Path("/proc") / str(one) / "cmdline").read_bytes().split(b"\0")
            if Path(command[0].decode()).name == program:
                pids.append(one)
    return max(pids)
