"""Platform of processes on this machine, for tests, demonstrations and small installations.

Each version is one executable file whose name is the SHA-256 of its content. A layout names the processes of each role.
"""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from deploy.rollout.platform import Reference, Role, RolloutError

_STOP_TIMEOUT_SECONDS = 60.0
_POLL_INTERVAL_SECONDS = 0.05
_PROBE_TIMEOUT_SECONDS = 3.0
_START_TIME_FIELD = 19  # of /proc/PID/stat, after the name of the program
# A rollout ignores the first two while it restores, Python the others: a process that inherits that cannot be stopped.
_DEFAULT_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)
Layout = dict[str, Any]


@dataclass(slots=True)
class Processes:
    """The processes of a layout.

    `programs` and `state` are folders; `processes` have `role`, `name`, `arguments`, `environment` and `ready` (a URL);
    `migrate` and `doctor` are environments of these commands.
    """

    layout: Layout
    _target: Path = field(default_factory=Path)
    _before: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def lock(self, rollout: str) -> Iterator[None]:
        """Exclude a second rollout by a lock on a file, which the kernel frees if this process dies."""
        self._state.mkdir(parents=True, exist_ok=True)
        with (self._state / "lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise RolloutError(f"Rollout {file.read()} is running. Wait for its end, then try again.") from None
            file.truncate(0)
            file.write(rollout)
            file.flush()
            yield

    def prepare(self, target: Reference) -> list[str]:
        """Check the content of the program of the target, and return the programs that run."""
        self._target = Path(self.layout["programs"]) / target.hex
        if not self._target.is_file():
            raise RolloutError(f"There is no {target}. Expected: the program {self._target}.")
        found = hashlib.sha256(self._target.read_bytes()).hexdigest()
        if found != target.hex:
            raise RolloutError(f"{self._target} is not what its name says: its digest is {found}. Fetch it again.")
        self._before = {name: each["program"] for name, each in self._read().items()}
        return sorted(set(self._before.values()))

    def plan(self, timeout: float) -> str:
        """Run `migrate --plan`."""
        return self._command("migrate", timeout, "--plan", "--json")

    def migrate(self, timeout: float) -> None:
        """Run `migrate`. A migration that takes too long is killed: PostgreSQL undoes its open transaction."""
        self._command("migrate", timeout)

    def roll(self, role: Role) -> None:
        """Replace the processes of a role one after the other."""
        for process in self._of(role):
            self._replace(process, str(self._target))

    def restore(self, role: Role) -> None:
        """Run the earlier program of each process again; stop a process that did not run before."""
        for process in self._of(role):
            self._replace(process, self._before.get(process["name"]))

    def wait_until_ready(self, role: Role, timeout: float) -> None:
        """Poll the readiness of every running process of the role."""
        end = time.monotonic() + timeout
        for process in self._of(role):
            name = process["name"]
            while name in self._read() and not _is_ready(process["ready"]):
                running = self._read()[name]
                if not _is_alive(running):
                    raise RolloutError(f"{name} ended before it was ready. Its log: {self._state / name}.log")
                if time.monotonic() > end:
                    raise RolloutError(f"{name} is not ready after {timeout:.0f} s. Its log: {self._state / name}.log")
                time.sleep(_POLL_INTERVAL_SECONDS)

    def diagnose(self, timeout: float) -> str:
        """Run `doctor` of the program that the API runs."""
        running = self._read()
        name = next(each["name"] for each in self._of(Role.API))
        return self._command("doctor", timeout, program=running[name]["program"])

    def _command(self, verb: str, timeout: float, *options: str, program: str | None = None) -> str:
        command = (program or str(self._target), verb, *options)
        environment = _environment(self.layout[verb])
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise RolloutError(f"`{verb}` did not end within {timeout:.0f} s and was killed.") from None
        if process.returncode:
            raise RolloutError(f"`{verb}` failed ({process.returncode}): {(errors.strip() or output.strip())[-1000:]}")
        return output.strip()

    def _replace(self, process: Layout, program: str | None) -> None:
        running = self._read()
        if old := running.pop(process["name"], None):
            _stop(old)
        if program is not None:
            running[process["name"]] = self._start(process, program)
        self._write(running)

    def _start(self, process: Layout, program: str) -> Layout:
        """Start a process that outlives the rollout, in a session of its own."""
        with (self._state / f"{process['name']}.log").open("ab") as log:
            command = (program, *process["arguments"])
            output = [(os.POSIX_SPAWN_DUP2, log.fileno(), stream) for stream in (1, 2)]
            environment = _environment(process["environment"])
            pid = os.posix_spawn(
                program, command, environment, file_actions=output, setsid=True, setsigdef=_DEFAULT_SIGNALS
            )
        return {"pid": pid, "started": _start_time(pid), "program": program}

    def _of(self, role: Role) -> list[Layout]:
        return [process for process in self.layout["processes"] if process["role"] == role]

    @property
    def _state(self) -> Path:
        return Path(self.layout["state"])

    def _read(self) -> dict[str, Layout]:
        path = self._state / "processes.json"
        found: dict[str, Layout] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return found

    def _write(self, running: dict[str, Layout]) -> None:
        new = self._state / "processes.json.new"
        new.write_text(json.dumps(running, indent=2), "utf-8")
        new.replace(self._state / "processes.json")


def _environment(own: dict[str, str]) -> dict[str, str]:
    """Return the environment of this program with that of a process, without the options and the key of a rollout."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ROLLOUT_")} | own


def _is_ready(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_PROBE_TIMEOUT_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _is_alive(process: Layout) -> bool:
    return bool(_start_time(process["pid"]) == process["started"])


def _start_time(pid: int) -> str | None:
    """Return when a process started, so that a reused id is not taken for it. None if it ended."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[_START_TIME_FIELD]


def _stop(process: Layout) -> None:
    """Stop a process with SIGTERM, so that it drains; kill it if that takes too long."""
    for kind, timeout in ((signal.SIGTERM, _STOP_TIMEOUT_SECONDS), (signal.SIGKILL, _PROBE_TIMEOUT_SECONDS)):
        if not _is_alive(process):
            return
        os.kill(process["pid"], kind)
        end = time.monotonic() + timeout
        while _is_alive(process) and time.monotonic() < end:
            time.sleep(_POLL_INTERVAL_SECONDS)
