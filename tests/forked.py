"""Processes forked from one that has imported the hub: a start costs milliseconds, not a second of CPU.

A forked process runs `python -m MODULE ARGUMENTS` in every other respect: it has its own environment, working directory
and streams, it can be killed, and it ends as the interpreter ends. /proc shows the command line and the environment of
the process that it was forked from. Tests that look there start a program.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from integrahub.cli import commands

_PRELOADED = (
    "integrahub.cli.app",
    "integrahub.api.app",
    "integrahub.console.app",
    "integrahub.web.server",
    "integrahub.worker.process",
    "tests.crash.crash_points",
)
_MAX_ORDER_BYTES = 1 << 20


class ForkedProcess:
    """A process of the parent below, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], cwd: Path, *streams: str) -> None:
        """Start `python -m` with these arguments; `streams` are the paths of input, output and errors."""
        self.args = list(arguments)
        self.returncode: int | None = None
        order = {"arguments": self.args, "environment": environment, "cwd": str(cwd), "streams": streams}
        self.pid: int = _parent().order(order)
        self._exit = os.pidfd_open(self.pid)

    def __enter__(self) -> "ForkedProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.wait()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the process runs."""
        return self._reap(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raise TimeoutExpired if the process runs for longer."""
        code = self._reap(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, sign: int) -> None:
        """Send a signal, unless the process is known to have ended."""
        if self.returncode is None:
            os.kill(self.pid, sign)  # it is a zombie until it is reaped, so its id is not that of another process

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _reap(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._exit], [], [], timeout)[0]:
            self.returncode = _parent().order({"reap": self.pid})
            os.close(self._exit)
        return self.returncode


def run_forked(
    arguments: Sequence[str], environment: dict[str, str], cwd: Path, given: bytes = b"", timeout: float = 120.0
) -> "subprocess.CompletedProcess[str]":
    """Run `python -m` with these arguments to its end, with `given` as its standard input."""
    with tempfile.TemporaryDirectory(prefix="ihub-command-") as folder:
        streams = [str(Path(folder, name)) for name in ("input", "output", "errors")]
        Path(streams[0]).write_bytes(given)
        process = ForkedProcess(arguments, environment, cwd, *streams)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        output, errors = (Path(stream).read_text("utf-8") for stream in streams[1:])
    return subprocess.CompletedProcess(list(arguments), code, output, errors)


class _Parent:
    """The process that forks, as its clients see it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
        self._lock = threading.Lock()
        atexit.register(self.close)

    def order(self, order: dict[str, Any]) -> int:
        with self._lock:
            self._socket.send(json.dumps(order).encode())
            return int(self._socket.recv(100))

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _parent() -> _Parent:
    return _Parent()


def _serve(clients: socket.socket) -> None:
    """Fork processes and reap them until the client closes its end. Return in each forked process."""
    while order := clients.recv(_MAX_ORDER_BYTES):
        wanted = json.loads(order)
        if "reap" in wanted:
            answer = os.waitstatus_to_exitcode(os.waitpid(wanted["reap"], 0)[1])
        elif (answer := os.fork()) == 0:
            clients.close()
            return _become(wanted)
        clients.send(str(answer).encode())
    os._exit(0)


def _become(wanted: dict[str, Any]) -> None:
    """Take the environment, folder and streams of an order, and run its module as the main program."""
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["cwd"])
    flags = (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2)
    for number, (path, flag) in enumerate(zip(wanted["streams"], flags, strict=True)):
        opened = os.open(path, flag, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    module, *sys.argv[1:] = wanted["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in (*_PRELOADED, *(f"{commands.__name__}.{verb.name}" for verb in iter_modules(commands.__path__))):
        import_module(name)
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
