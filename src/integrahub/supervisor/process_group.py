"""Processes of one role: grown, shrunk and restarted one by one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from integrahub.supervisor.autoscaler import ReplicaRange
from integrahub.supervisor.managed_process import ManagedProcess, ProcessState

_READY = 120.0  # seconds a restarted process may take until the next one's turn comes anyway
_log = structlog.get_logger()


@dataclass(slots=True)
class ProcessGroup:
    """`step` names it; `make` starts the process of a slot. Slots are filled from 0 and freed from the top."""

    step: str
    span: ReplicaRange
    make: Callable[[int], ManagedProcess]
    children: dict[int, ManagedProcess] = field(default_factory=dict)
    _leaving: dict[ManagedProcess, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Processes wanted now; those that drain have been taken off."""
        return len(self.children)

    def everyone(self) -> list[ManagedProcess]:
        """All that are there, also those that drain."""
        return [*self.children.values(), *self._leaving]

    def resize(self, wanted: int) -> None:
        """Start what is missing; the last ones drain in the background, for as long as what they hold takes."""
        for slot in range(wanted):
            if slot not in self.children and self.make_room(slot):
                self.children[slot] = self.make(slot)
        for slot in [slot for slot in self.children if slot >= wanted]:
            child = self.children.pop(slot)
            self._leaving[child] = asyncio.create_task(self._let_go(child))

    def make_room(self, slot: int) -> bool:
        """Whether nobody of that slot's name still drains: a name is of one live process."""
        return all(not child.name.endswith(f" {slot}") for child in self._leaving)

    async def _let_go(self, child: ManagedProcess) -> None:
        await child.end(None)
        self._leaving.pop(child, None)

    async def roll(self) -> None:
        """Restart one after another, each once the one before is ready again."""
        for child in list(self.children.values()):
            if child.state is ProcessState.ENDED:
                continue
            _log.info("a process is restarted by order", action="roll", of=child.name)
            await child.restart()
            try:
                await asyncio.wait_for(child.ready.wait(), _READY)
            except TimeoutError:
                _log.error("a restarted process is not ready", action="roll", of=child.name, state=str(child.state))

    async def end(self, patience: float) -> None:
        """Drain all at once; after `patience` seconds insist."""
        leaving = [child.end(patience) for child in self.everyone()]
        self.children = {}
        await asyncio.gather(*leaving)
