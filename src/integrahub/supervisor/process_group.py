"""A group of equal processes: scaled up and down, restarted one by one, drained."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from integrahub.supervisor.autoscaler import ReplicaRange
from integrahub.supervisor.managed_process import ManagedProcess, ProcessState

_READY_TIMEOUT_SECONDS = 120.0  # of a restarted process; then the next one is restarted anyway
_log = structlog.get_logger()


@dataclass(slots=True)
class ProcessGroup:
    """Processes of one step, by slot; `start` starts that of a slot. Slots are filled from 0 and freed from the top."""

    step: str
    replicas: ReplicaRange
    start: Callable[[int], ManagedProcess]
    processes: dict[int, ManagedProcess] = field(default_factory=dict)
    _draining: dict[ManagedProcess, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of processes, without those that drain."""
        return len(self.processes)

    def list_all(self) -> list[ManagedProcess]:
        """Return all processes, with those that drain."""
        return [*self.processes.values(), *self._draining]

    def resize(self, count: int) -> None:
        """Start missing processes; drain surplus ones in the background, without a time limit."""
        for slot in range(count):
            if slot not in self.processes and self._is_free(slot):
                self.processes[slot] = self.start(slot)
        for slot in [slot for slot in self.processes if slot >= count]:
            process = self.processes.pop(slot)
            self._draining[process] = asyncio.create_task(self._drain(process))

    def _is_free(self, slot: int) -> bool:
        # A worker's name must be unique, so a slot is free only after its last process has drained.
        return all(not process.name.endswith(f" {slot}") for process in self._draining)

    async def _drain(self, process: ManagedProcess) -> None:
        await process.end(None)
        self._draining.pop(process, None)

    async def roll(self) -> None:
        """Restart one process after another, each after the last one is ready."""
        for process in list(self.processes.values()):
            if process.state is ProcessState.ENDED:
                continue
            _log.info("rolling restart of a process", action="roll", process_name=process.name)
            await process.restart()
            try:
                await asyncio.wait_for(process.ready.wait(), _READY_TIMEOUT_SECONDS)
            except TimeoutError:
                state = str(process.state)
                _log.error("process not ready after its restart", action="roll", process_name=process.name, state=state)

    async def end(self, timeout: float) -> None:
        """Drain all processes at once; kill them after `timeout` seconds."""
        ending = [process.end(timeout) for process in self.list_all()]
        self.processes = {}
        await asyncio.gather(*ending)
