"""Presence: a worker is known by a name while it works, tells now and then that it lives, and says when it leaves."""

import asyncio
import os
import socket
from types import TracebackType
from uuid import UUID

import structlog

from integrahub.db.database import Database
from integrahub.db.monitoring import workers
from integrahub.domain.errors import Transient

_BEAT = 5.0  # seconds between heartbeats
_AGAIN = 1.0  # seconds until a database that is away is asked again
_log = structlog.get_logger()


class WorkerHeartbeat:
    """Registers in the background, since a database that is away delays the work, not the start; then beats.

    Without a name of its own a worker takes one nobody had, and so no one's place. `counted`: whether taking the place
    of one that fell counts as a restart; a fleet counts its own.
    """

    def __init__(
        self, database: Database, worker_id: UUID, steps: list[str], name: str | None, *, counted: bool = True
    ) -> None:
        self._database = database
        self._id = worker_id
        self._steps = steps
        self._name = name or f"{socket.gethostname()} {','.join(steps)} {worker_id}"
        self._counted = counted
        self.known = asyncio.Event()

    async def __aenter__(self) -> "WorkerHeartbeat":
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        if kind is None and self.known.is_set():
            try:
                await workers.leave(self._database, self._name, self._id)
            except Transient as away:
                _log.warning("the database did not hear that a worker left", action="leave", error=str(away))

    async def _keep(self) -> None:
        while True:
            try:
                await self._tell()
            except Transient as away:
                _log.warning("the database does not answer a worker", action="register", error=str(away))
            except Exception as error:
                _log.error("a worker could not tell that it lives", action="register", exc_info=error)
            await asyncio.sleep(_BEAT if self.known.is_set() else _AGAIN)

    async def _tell(self) -> None:
        if self.known.is_set():
            await workers.beat(self._database, self._name, self._id)
            return
        fell = await workers.register(self._database, self._name, self._id, self._steps, os.getpid())
        self.known.set()
        for step in self._steps if fell and self._counted else []:
            await workers.count_restart(self._database, step)
