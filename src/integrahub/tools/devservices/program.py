"""A program of another project, run until it is no longer needed."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

from integrahub.db.embedded.server import tie_to_parent
from integrahub.domain.errors import IntegraHubError

_PATIENCE = 90.0  # seconds until it must be well
_DRAIN = 20.0  # seconds it may take to stop
_LOOK = 0.1  # seconds between looks


class ServiceMissing(IntegraHubError):
    """A program this needs is not on this machine and cannot be fetched."""


class ServiceFailed(IntegraHubError):
    """A program that is here does not work."""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on just now."""
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in sockets]


@contextmanager
def running(
    command: list[str], log: Path, is_well: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """The program, once it is well; ended with this process at the latest. PartFailed when it does not get well."""
    with log.open("ab") as output:
        program = subprocess.Popen(
            command,
            cwd=log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=tie_to_parent(),
        )
    try:
        _wait_until_well(program, is_well, log)
        yield program
    finally:
        end(program)


def end(program: "subprocess.Popen[bytes]") -> None:
    """Ask it to stop, and insist after a while."""
    program.terminate()
    try:
        program.wait(_DRAIN)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def _wait_until_well(program: "subprocess.Popen[bytes]", is_well: Callable[[], bool], log: Path) -> None:
    deadline, never = monotonic() + _PATIENCE, threading.Event()
    while monotonic() < deadline and program.poll() is None:
        if is_well():
            return
        never.wait(_LOOK)
    told = log.read_text(errors="replace")[-2000:]
    raise ServiceFailed(f"{program.args!r} did not start (exit code {program.poll()}). Its log ends:\n{told}")
