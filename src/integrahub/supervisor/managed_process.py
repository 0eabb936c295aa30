"""One place for a process: started, watched, started again when it falls, drained when it is asked to go."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from time import time
from typing import Any

import httpx
import structlog

from integrahub.supervisor.restart_policy import RestartPolicy
from integrahub.telemetry.snapshots import Counts, decode

_PATIENCE = 5.0  # seconds a probe may take
_GRACE = 60.0  # seconds after a start in which silence is no sign of death
_DEAF = 6  # looks in a row without an answer after which a process is ended
_log = structlog.get_logger()


class ProcessState(StrEnum):
    """What a place is doing."""

    STARTING = "starting"  #: The process runs and has not said yet that it is ready.
    READY = "ready"  #: It takes work.
    UNREADY = "unready"  #: It runs, but something it depends on is away.
    PAUSED = "paused"  #: It fell and is started again in a moment.
    CRASH_LOOP = "crash-loop"  #: It fell again and again; a person should look.
    DRAINING = "draining"  #: It ends what it began, and then goes.
    ENDED = "ended"  #: It is gone.


class ManagedProcess:
    """A named place. `fell` is told each time the process ended unasked; the fleet holds its probe socket, so that its
    port stays the same over restarts."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        fell: Callable[[], Awaitable[None]],
        *,
        shared: socket.socket | None = None,
        policy: RestartPolicy | None = None,
    ) -> None:
        self.name = name
        self.state = ProcessState.STARTING
        self.ready = asyncio.Event()
        self.problems: list[str] = []
        self.restarts = 0
        self.last_exit: int | None = None
        self.process: asyncio.subprocess.Process | None = None
        self._arguments = arguments
        self._fell = fell
        self._policy = policy or RestartPolicy()
        self._probe = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._probe.getsockname()[1])
        self._sockets = [self._probe, *([shared] if shared else [])]
        own = {"INTEGRAHUB_WORKER_NAME": name, "INTEGRAHUB_PROBE_FD": str(self._probe.fileno())}
        own |= {"INTEGRAHUB_LISTEN_FD": str(shared.fileno())} if shared else {}
        self._environment = {**environment, **own}
        self._deaths = 0
        self._deaf = 0
        self._begun = 0.0
        self.started_at: float | None = None
        self._asked = False
        self._ending = False
        self._order = asyncio.Event()
        self._keeping = asyncio.create_task(self._keep())

    @property
    def alive(self) -> bool:
        """Whether a process is there."""
        return self.process is not None and self.process.returncode is None

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._ending:
            self._begun, self.started_at = clock(), time()
            self.state, self._asked, self._deaf = ProcessState.STARTING, False, 0
            fds = [own.fileno() for own in self._sockets]
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "integrahub",
                *self._arguments,
                env=self._environment,
                start_new_session=True,
                pass_fds=fds,
            )
            self.last_exit = await self.process.wait()
            self.ready.clear()
            if not self._asked:
                await self._fallen(clock() - self._begun)
        self.state = ProcessState.ENDED
        self._probe.close()

    async def _fallen(self, lived: float) -> None:
        self.restarts += 1
        self._deaths = self._policy.deaths(self._deaths, lived)
        pause, loop = self._policy.pause(self._deaths), self._policy.is_loop(self._deaths)
        self.state = ProcessState.CRASH_LOOP if loop else ProcessState.PAUSED
        self.problems = [f"ended with {self.last_exit}, {self._deaths} times in a row"]
        told = "a process falls again and again; see its last lines above, then: integrahub fleet restart"
        _log.error(
            told if loop else "a process ended and is started again",
            action="crash_loop" if loop else "restart",
            of=self.name,
            code=self.last_exit,
            deaths=self._deaths,
            pause=pause,
        )
        await self._fell()
        try:
            await asyncio.wait_for(self._order.wait(), pause)
            self._deaths = 0
        except TimeoutError:
            pass
        self._order.clear()

    async def look(self, http: httpx.AsyncClient) -> None:
        """Ask how the process is; one that stays deaf is ended, and so started again."""
        if not self.alive or self._asked:
            return
        try:
            answer = (await http.get(f"http://127.0.0.1:{self.port}/look", timeout=_PATIENCE)).json()
            told, why = list(answer["live"]), list(answer["ready"])
        except (httpx.HTTPError, ValueError, KeyError):
            told, why = ["it does not answer"], []
        live, ready = not told, not told and not why
        self._deaf = 0 if live else self._deaf + 1
        if self.alive and not self._asked:
            started = self.state is ProcessState.STARTING and not ready
            self.state = ProcessState.READY if ready else ProcessState.STARTING if started else ProcessState.UNREADY
            self.problems = told + why
            (self.ready.set if ready else self.ready.clear)()
            await self._end_when_deaf()

    async def _end_when_deaf(self) -> None:
        age = asyncio.get_running_loop().time() - self._begun
        if self._deaf >= _DEAF and age > _GRACE and self.process:
            _log.error("a process does not answer and is ended", action="kill_unresponsive", of=self.name)
            self.process.kill()

    async def counts(self, http: httpx.AsyncClient) -> Counts:
        """What the process counted since it started."""
        return decode((await http.get(f"http://127.0.0.1:{self.port}/counts", timeout=_PATIENCE)).content)

    async def restart(self) -> None:
        """Let the process end what it began, and start another in its place; ends a crash loop too."""
        self._deaths = 0
        if not self.alive:
            self._order.set()
            return
        await self._stop(None)

    async def end(self, patience: float | None) -> None:
        """Drain for good; after `patience` seconds insist, None: never, since it may hold a chunk."""
        self._ending = True
        self._order.set()
        if self.alive:
            await self._stop(patience)
        await self._keeping

    async def _stop(self, patience: float | None) -> None:
        assert self.process is not None
        process, self._asked, self.state = self.process, True, ProcessState.DRAINING
        self.ready.clear()
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience)
        except TimeoutError:
            _log.error("a process did not end in time and is killed", action="kill", of=self.name)
            process.kill()
            await process.wait()

    def told(self) -> dict[str, Any]:
        """The place as `fleet status` shows it."""
        running = self.process.pid if self.process and self.alive else None
        return {
            "name": self.name,
            "state": str(self.state),
            "pid": running,
            "up_seconds": round(time() - self.started_at) if running and self.started_at else None,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "port": self.port,
            "problems": self.problems,
        }
