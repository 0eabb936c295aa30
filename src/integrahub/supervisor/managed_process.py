"""A process under supervision: started, probed, restarted when it crashes, drained when it must end."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from time import time
from typing import Any

import httpx2
import structlog

from integrahub.supervisor.restart_policy import RestartPolicy
from integrahub.telemetry.snapshots import Counts, decode

_PROBE_TIMEOUT_SECONDS = 5.0
_START_GRACE_SECONDS = 60.0  # after a start, in which an unresponsive process is not killed
_MAX_FAILED_PROBES = 6  # consecutive; then the process is killed
_log = structlog.get_logger()


class ProcessState(StrEnum):
    """State of a managed process, as `fleet status` shows it."""

    STARTING = "starting"  #: It runs and is not ready yet.
    READY = "ready"  #: It accepts work.
    UNREADY = "unready"  #: It runs, but a dependency is unavailable.
    PAUSED = "paused"  #: It crashed and will be restarted soon.
    CRASH_LOOP = "crash-loop"  #: It crashed repeatedly; an operator should look at its log.
    DRAINING = "draining"  #: It finishes its work, then ends.
    ENDED = "ended"  #: It has ended for good.


class ManagedProcess:
    """A process that is started again under the same name when it ends. `on_exit` is called after each crash.

    The supervisor owns the socket of the probes, so their port stays the same over restarts.
    """

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        on_exit: Callable[[], Awaitable[None]],
        *,
        api_socket: socket.socket | None = None,
    ) -> None:
        self.name = name
        self.state = ProcessState.STARTING
        self.ready = asyncio.Event()
        self.problems: list[str] = []
        self.restarts = 0
        self.last_exit: int | None = None
        self.started_at: float | None = None
        self.process: asyncio.subprocess.Process | None = None
        self._arguments = arguments
        self._on_exit = on_exit
        self._policy = RestartPolicy()
        self._probe = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._probe.getsockname()[1])
        self._sockets = [self._probe, *([api_socket] if api_socket else [])]
        own = {"INTEGRAHUB_WORKER_NAME": name, "INTEGRAHUB_PROBE_FD": str(self._probe.fileno())}
        own |= {"INTEGRAHUB_LISTEN_FD": str(api_socket.fileno())} if api_socket else {}
        self._environment = {**environment, **own}
        self._crashes = 0  # consecutive
        self._failed_probes = 0  # consecutive
        self._started = 0.0  # monotonic
        self._is_stopping = False  # the exit of the current process is expected
        self._is_ending = False  # no other process will be started
        self._restart_order = asyncio.Event()
        self._creation = asyncio.Lock()  # held while the operating system creates the process
        self._supervision = asyncio.create_task(self._supervise())

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.returncode is None

    async def _supervise(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._is_ending:
            self._started, self.started_at = clock(), time()
            self.state, self._is_stopping, self._failed_probes = ProcessState.STARTING, False, 0
            async with self._creation:
                self.process = await self._create()
            self.last_exit = await self.process.wait()
            self.ready.clear()
            if not self._is_stopping:
                await self._handle_crash(clock() - self._started)
        self.state = ProcessState.ENDED
        self._probe.close()

    async def _create(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "integrahub",
            *self._arguments,
            env=self._environment,
            start_new_session=True,
            pass_fds=[shared.fileno() for shared in self._sockets],
        )

    async def _handle_crash(self, uptime: float) -> None:
        """Report the crash, and wait until the restart is due or ordered."""
        self.restarts += 1
        self._crashes = self._policy.count_crashes(self._crashes, uptime)
        delay, is_loop = self._policy.delay(self._crashes), self._policy.is_crash_loop(self._crashes)
        self.state = ProcessState.CRASH_LOOP if is_loop else ProcessState.PAUSED
        self.problems = [f"ended with exit code {self.last_exit}, {self._crashes} times in a row"]
        self._log_crash(delay, is_loop=is_loop)
        # The database may not answer: the restart does not wait for it.
        self._reporting = asyncio.ensure_future(self._on_exit())
        try:
            await asyncio.wait_for(self._restart_order.wait(), delay)
            self._crashes = 0
        except TimeoutError:
            pass
        self._restart_order.clear()

    def _log_crash(self, delay: float | None, *, is_loop: bool) -> None:
        fields = {"process_name": self.name, "code": self.last_exit, "crashes": self._crashes, "delay": delay}
        if is_loop:
            advice = "process in a crash loop; see its last log lines, then run: integrahub fleet restart"
            _log.error(advice, action="crash_loop", **fields)
        else:
            _log.error("process ended unexpectedly, restarting it", action="restart", **fields)

    async def probe(self, http: httpx2.AsyncClient) -> None:
        """Update the state by liveness and readiness; kill the process if it is unresponsive."""
        if not self.is_alive or self._is_stopping:
            return
        try:
            answer = (await http.get(f"http://127.0.0.1:{self.port}/look", timeout=_PROBE_TIMEOUT_SECONDS)).json()
            not_live, not_ready = list(answer["live"]), list(answer["ready"])
        except (httpx2.HTTPError, ValueError, KeyError):
            not_live, not_ready = ["no answer to its probe"], []
        is_ready = not not_live and not not_ready
        self._failed_probes = self._failed_probes + 1 if not_live else 0
        if self.is_alive and not self._is_stopping:
            is_starting = self.state is ProcessState.STARTING and not is_ready
            other = ProcessState.STARTING if is_starting else ProcessState.UNREADY
            self.state = ProcessState.READY if is_ready else other
            self.problems = not_live + not_ready
            (self.ready.set if is_ready else self.ready.clear)()
            self._kill_if_unresponsive()

    def _kill_if_unresponsive(self) -> None:
        age = asyncio.get_running_loop().time() - self._started
        if self._failed_probes >= _MAX_FAILED_PROBES and age > _START_GRACE_SECONDS and self.process:
            _log.error("process unresponsive, killing it", action="kill_unresponsive", process_name=self.name)
            self.process.kill()

    async def fetch_counts(self, http: httpx2.AsyncClient) -> Counts:
        """Return the metrics that the process counted since its start."""
        return decode((await http.get(f"http://127.0.0.1:{self.port}/counts", timeout=_PROBE_TIMEOUT_SECONDS)).content)

    async def restart(self) -> None:
        """Drain the process and start another; in a crash loop, start one at once."""
        self._crashes = 0
        if not self.is_alive:
            self._restart_order.set()
            return
        await self._stop(None)

    async def end(self, timeout: float | None) -> None:
        """Drain the process for good. Kill it after `timeout` seconds; with None never: it may hold a chunk."""
        self._is_ending = True
        self._restart_order.set()
        async with self._creation:
            pass  # a process that is being created must end too
        if self.is_alive:
            await self._stop(timeout)
        await self._supervision

    async def _stop(self, timeout: float | None) -> None:
        assert self.process is not None
        process, self._is_stopping, self.state = self.process, True, ProcessState.DRAINING
        self.ready.clear()
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), timeout)
        except TimeoutError:
            _log.error("process did not stop in time, killing it", action="kill", process_name=self.name)
            process.kill()
            await process.wait()

    def status(self) -> dict[str, Any]:
        """Return the fields that `fleet status` shows."""
        pid = self.process.pid if self.process and self.is_alive else None
        return {
            "name": self.name,
            "state": str(self.state),
            "pid": pid,
            "up_seconds": round(time() - self.started_at) if pid and self.started_at else None,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "port": self.port,
            "problems": self.problems,
        }
