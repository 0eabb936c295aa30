"""Registers a worker, keeps its heartbeat, and unregisters it at the end."""

import asyncio
import os
import socket
from types import TracebackType
from uuid import UUID

import structlog

from integrahub.db.database import Database
from integrahub.db.monitoring import workers
from integrahub.domain.errors import Transient

_HEARTBEAT_INTERVAL_SECONDS = 5.0
_REGISTER_RETRY_INTERVAL_SECONDS = 1.0
_log = structlog.get_logger()


class WorkerHeartbeat:
    """Register in the background and then send heartbeats, while the block runs.

    A database that does not answer delays the work of the process, not its start. A worker without a configured name
    takes a unique one, so it replaces no other worker. If `counts_restarts`, replacing a lost worker counts as a
    restart; a supervisor counts the restarts of its workers itself.
    """

    def __init__(
        self, database: Database, worker_id: UUID, steps: list[str], name: str | None, *, counts_restarts: bool = True
    ) -> None:
        self._database = database
        self._id = worker_id
        self._steps = steps
        self._name = name or f"{socket.gethostname()} {','.join(steps)} {worker_id}"
        self._counts_restarts = counts_restarts
        self.registered = asyncio.Event()

    async def __aenter__(self) -> "WorkerHeartbeat":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if kind is None and self.registered.is_set():
            try:
                await workers.unregister(self._database, self._name, self._id)
            except Transient as failure:
                _log.warning("cannot unregister worker", action="leave", error=str(failure))

    async def _run(self) -> None:
        while True:
            try:
                await self._beat()
            except Transient as failure:
                _log.warning("cannot store heartbeat, retrying", action="register", error=str(failure))
            except Exception as error:
                _log.error("heartbeat failed, retrying", action="register", exc_info=error)
            is_registered = self.registered.is_set()
            await asyncio.sleep(_HEARTBEAT_INTERVAL_SECONDS if is_registered else _REGISTER_RETRY_INTERVAL_SECONDS)

    async def _beat(self) -> None:
        if self.registered.is_set():
            await workers.update_heartbeat(self._database, self._name, self._id)
            return
        replaced_lost = await workers.register(self._database, self._name, self._id, self._steps, os.getpid())
        self.registered.set()
        for step in self._steps if replaced_lost and self._counts_restarts else []:
            await workers.count_restart(self._database, step)
