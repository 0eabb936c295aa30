"""Program that stands in for the hub in tests of rollouts: real processes that start in a tenth of a second."""

import hashlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from deploy.rollout.journal import Journal
from deploy.rollout.platform import Reference, RolloutError
from deploy.rollout.processes import Processes
from deploy.rollout.rollout import Limits, Outcome, Rollout

_PROGRAM = """#!{python} -SE
import os, signal, sys
VERSION, FAULT = {version!r}, {fault!r}
if sys.argv[1] == "migrate":
    if FAULT == "migration" and "--plan" not in sys.argv:
        signal.pause()
    sys.exit("refused" if FAULT == "plan" else None)
if sys.argv[1] == "doctor":
    sys.exit("problem" if FAULT == "doctor" else None)
if FAULT == f"start of {{sys.argv[1]}}":
    sys.exit(1)
import _socket
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
listener = _socket.socket()
listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(os.environ["PORT"])))
listener.listen()
while True:
    connection = _socket.socket(fileno=listener._accept()[0])
    connection.recv(65536)
    connection.sendall(f"HTTP/1.0 200 OK\\r\\n\\r\\n{{VERSION}}".encode())
    connection.close()
"""
_PROCESSES = (("workers", "work"), ("api", "api"), ("console", "console"))


@dataclass
class Installation:
    """Folder with programs and processes, one per role."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "programs").mkdir()
        listeners = {name: socket.create_server(("127.0.0.1", 0)) for _, name in _PROCESSES}
        self.ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
        for listener in listeners.values():
            listener.close()

    @property
    def layout(self) -> dict[str, object]:
        """Return the layout that `Processes` reads."""
        processes = [
            {
                "role": role,
                "name": name,
                "arguments": [name],
                "environment": {"PORT": str(self.ports[name])},
                "ready": f"http://127.0.0.1:{self.ports[name]}/readyz",
            }
            for role, name in _PROCESSES
        ]
        places = {"programs": str(self.folder / "programs"), "state": str(self.folder / "state")}
        return {**places, "processes": processes, "migrate": {}, "doctor": {}}

    def add_program(self, version: str, fault: str = "") -> Reference:
        """Write a version of the program, and return its reference."""
        content = _PROGRAM.format(python=sys.executable, version=version, fault=fault).encode()
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder / "programs" / digest
        path.write_bytes(content)
        path.chmod(0o755)
        return Reference("hub", digest)

    def versions(self) -> list[str]:
        """Return the version that each process serves, in the order of the roles."""
        return [fetch(port) for port in self.ports.values()]

    def events(self) -> list[str]:
        """Return the events of the journal, failed ones with `!`."""
        lines = [json.loads(line) for line in (self.folder / "journal").read_text().splitlines()]
        return [f"{line['event']}{'!' if line.get('result') == 'failed' else ''}" for line in lines]

    def rollout(
        self,
        smoke: Callable[[], str] = str,
        verify: Callable[[Reference], None] = lambda target: None,
        find_burning: Callable[[], str | None] | None = None,
    ) -> Rollout:
        """Return a rollout with short timeouts."""
        (self.folder / "journal").unlink(missing_ok=True)
        limits = Limits(plan=20, migrate=0.5, ready=20, diagnose=20, settle=0, watch=0)
        journal = Journal(self.folder / "journal", "a-rollout")
        return Rollout(Processes(self.layout), journal, verify, _Checks(smoke), find_burning, limits)

    def start(self, version: str = "1") -> Reference:
        """Roll out a first version."""
        target = self.add_program(version)
        assert self.rollout().deploy(target) is Outcome.DONE
        return target

    def stop(self) -> None:
        """Kill what still runs."""
        kill_recorded(self.folder / "state")


@dataclass
class _Checks:
    check: Callable[[], str]

    def run(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the one check."""
        yield "check", self.check


def fetch(port: int) -> str:
    """Return what a process answers."""
    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return str(answer.read().decode())


def refuse(version: str, port: int) -> Callable[[], str]:
    """Return a check that fails while a version runs."""

    def check() -> str:
        if fetch(port) == version:
            raise RolloutError(f"version {version} is wrong")
        return "well"

    return check


def kill_recorded(state: Path) -> None:
    """Kill the processes that a rollout recorded in its state folder."""
    with suppress(FileNotFoundError):
        for process in json.loads((state / "processes.json").read_text()).values():
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(process["pid"], signal.SIGKILL)
                os.waitpid(process["pid"], 0)
