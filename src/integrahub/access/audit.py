"""Audit of operators' actions: an entry is stored before the action begins and completed when it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import structlog

from integrahub.db.accounts import audit_log
from integrahub.db.batches import reports
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import BatchStatus, DeactivationState, Stage
from integrahub.domain.errors import Problem

_log = structlog.get_logger()


class _BatchState(msgspec.Struct, frozen=True):
    """What an entry stores of a batch before and after an action."""

    status: BatchStatus
    stage: Stage
    deactivation_state: DeactivationState
    deactivated: int


@dataclass
class AuditContext:
    """The audit entry of a running action; the action sets `after` to the state that it leaves."""

    after: Any = None


class Audit:
    """Record operators' actions with the state before and after each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def action(
        self, caller: Caller, action: str, subject: str, before: Any = None
    ) -> AsyncIterator[AuditContext]:
        """Store an entry, run the block, then store its outcome: `done`, the code of a Problem, or `failed`."""
        actor = audit_log.Actor(caller.name, caller.address, caller.user_id)
        entry_id = await audit_log.start(self._database, actor, action=action, subject=subject, before=before)
        context, outcome = AuditContext(), "failed"
        try:
            yield context
            outcome = "done"
        except Problem as problem:
            outcome = problem.code
            raise
        finally:
            about = {"subject": subject} if subject else {}
            _log.info("operator action", action="audit", act=action, **about, actor=caller.name, outcome=outcome)
            await audit_log.complete(self._database, entry_id, outcome, context.after)

    @asynccontextmanager
    async def on_batch(self, caller: Caller, action: str, batch_id: UUID) -> AsyncIterator[AuditContext]:
        """Audit an action on a batch, with the state of the batch before and after it."""
        before = await self._read_state(batch_id)
        async with self.action(caller, action, str(batch_id), before) as context:
            yield context
            context.after = {"batch": await self._read_state(batch_id), "result": context.after}

    async def _read_state(self, batch_id: UUID) -> _BatchState | None:
        batch = await reports.show(self._database, batch_id)
        if batch is None:
            return None
        return _BatchState(batch.status, batch.stage, batch.deactivation_state, batch.deactivated)
