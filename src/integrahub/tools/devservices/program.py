"""Foreign programs, run while a block runs."""

import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

from integrahub.db.embedded.server import tie_to_parent
from integrahub.domain.errors import IntegraHubError

_START_TIMEOUT_SECONDS = 90.0
_PROGRAM_STOP_TIMEOUT_SECONDS = 20.0
_START_POLL_INTERVAL_SECONDS = 0.1
_MAX_LOG_CHARACTERS = 2000


class ServiceMissing(IntegraHubError):
    """A program is not installed and cannot be downloaded."""


class ServiceFailed(IntegraHubError):
    """A program is installed and does not start."""


def find_free_ports(count: int, but: Container[int] = ()) -> list[int]:
    """Return different ports that no process listens on at the moment, and that are not in `but`."""
    with ExitStack() as probes:
        ports: list[int] = []
        while len(ports) < count:
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            if (port := int(probe.getsockname()[1])) not in but:
                ports.append(port)
        return ports


def run_tool(command: list[str], folder: Path) -> None:
    """Run a command in the folder until it ends. Raise ServiceFailed with the end of its output if it fails."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = (done.stdout + done.stderr)[-_MAX_LOG_CHARACTERS:]
        raise ServiceFailed(f"{command!r} failed (exit code {done.returncode}). Its output ends:\n{tail}")


@contextmanager
def run_program(
    command: list[str],
    log: Path,
    is_healthy: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program while the block runs, which begins once it is healthy; it ends with this process at the latest.

    Raise ServiceFailed if the program does not become healthy.
    """
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
        _wait_until_healthy(program, is_healthy, log)
        yield program
    finally:
        stop_program(program, stop_signal)


def stop_program(program: "subprocess.Popen[bytes]", stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """Send the signal to the program; kill it if it does not stop in time."""
    program.send_signal(stop_signal)
    try:
        program.wait(_PROGRAM_STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def _wait_until_healthy(program: "subprocess.Popen[bytes]", is_healthy: Callable[[], bool], log: Path) -> None:
    deadline, never = monotonic() + _START_TIMEOUT_SECONDS, threading.Event()
    while monotonic() < deadline and program.poll() is None:
        if is_healthy():
            return
        never.wait(_START_POLL_INTERVAL_SECONDS)
    tail = log.read_text(errors="replace")[-_MAX_LOG_CHARACTERS:]
    raise ServiceFailed(f"{program.args!r} did not start (exit code {program.poll()}). Its log ends:\n{tail}")
