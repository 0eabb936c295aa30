"""Injection of faults into a hub on this machine and into the services that it uses."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from integrahub.domain.errors import ConfigurationError
from integrahub.supervisor.state_file import fetch_status, request_restart
from integrahub.tools.soak.plan import Fault, FaultKind
from integrahub.tools.soak.rows import HubProcess


@dataclass(slots=True)
class Services:
    """Folders of Kafka and S3, if the hub uses them; `start_kafka` starts a killed broker on its folder and port."""

    kafka: Path | None = None
    s3: Path | None = None
    start_kafka: Callable[[ExitStack], object] = lambda stack: None
    running: ExitStack = field(default_factory=ExitStack)


class FaultInjector:
    """Injects faults into the hub on a data folder. `cut` is set while posts are to be cut."""

    def __init__(self, data_dir: Path, services: Services) -> None:
        self._data_dir = data_dir
        self._services = services
        self.cut = asyncio.Event()

    async def inject(self, fault: Fault) -> str:
        """Inject one fault, wait for its end, and return what was hit. A part that is down already is left alone."""
        acts: dict[FaultKind, Callable[[], Awaitable[str]]] = {
            FaultKind.KILL_WORKER: lambda: self._kill_process(fault, is_api=False),
            FaultKind.KILL_API: lambda: self._kill_process(fault, is_api=True),
            FaultKind.FREEZE_WORKER: lambda: self._freeze_worker(fault),
            FaultKind.RESTART: self._restart,
            FaultKind.KILL_POSTGRES: lambda: self._signal([self._postmaster()][:1]),
            FaultKind.FREEZE_POSTGRES: lambda: self._freeze(find_family(self._postmaster()), fault.seconds),
            FaultKind.CUT_POSTS: lambda: self._cut_posts(fault.seconds),
            FaultKind.KILL_KAFKA: lambda: self._kill_kafka(fault.seconds),
            FaultKind.FREEZE_KAFKA: lambda: self._freeze(find_in_folder(self._services.kafka), fault.seconds),
            FaultKind.FREEZE_S3: lambda: self._freeze(find_in_folder(self._services.s3), fault.seconds),
        }
        try:
            return await acts[fault.kind]()
        except (ConfigurationError, OSError, ValueError, IndexError) as error:
            return f"not possible at that moment: {type(error).__name__}"

    async def _processes(self, *, is_api: bool) -> list[tuple[int, HubProcess]]:
        status = await asyncio.to_thread(fetch_status, self._data_dir)
        processes = msgspec.convert(status["workers"], list[HubProcess])
        return [(one.pid, one) for one in processes if one.pid and (one.step == "api") == is_api]

    async def _kill_process(self, fault: Fault, *, is_api: bool) -> str:
        processes = await self._processes(is_api=is_api)
        pid, chosen = processes[int(fault.pick * len(processes))]
        os.kill(pid, signal.SIGKILL)
        return chosen.short_name

    async def _freeze_worker(self, fault: Fault) -> str:
        processes = await self._processes(is_api=False)
        pid, chosen = processes[int(fault.pick * len(processes))]
        await self._freeze([pid], fault.seconds)
        return chosen.short_name

    async def _restart(self) -> str:
        await asyncio.to_thread(request_restart, self._data_dir)
        return "all"

    def _postmaster(self) -> int:
        file = self._data_dir / "postgres" / "cluster" / "postmaster.pid"
        return abs(int(file.read_text().splitlines()[0]))

    async def _signal(self, pids: list[int]) -> str:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return f"{len(pids)} processes"

    async def _freeze(self, pids: list[int], seconds: float) -> str:
        """Stop processes: their connections stay open and nothing answers, as when the network is cut."""
        stopped = [pid for pid in pids if _send(pid, signal.SIGSTOP)]
        try:
            await asyncio.sleep(seconds)
        finally:
            for pid in stopped:
                _send(pid, signal.SIGCONT)
        return f"{len(stopped)} processes"

    async def _cut_posts(self, seconds: float) -> str:
        self.cut.set()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.cut.clear()
        return "all posts"

    async def _kill_kafka(self, seconds: float) -> str:
        hit = await self._signal(find_in_folder(self._services.kafka))
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._services.start_kafka, self._services.running)
        return hit


def _send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; return False if the process has ended, such as a connection of PostgreSQL."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def find_family(pid: int) -> list[int]:
    """Return a process and its children (Linux)."""
    return [pid, *(child for child, parent in _parents().items() if parent == pid)]


def find_in_folder(folder: Path | None) -> list[int]:
    """Return the processes whose working directory is this folder (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if folder and entry.name.isdigit() and Path(os.readlink(entry / "cwd")) == folder.resolve():
                found.append(int(entry.name))
    return found


def _parents() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return parents
