"""The audit log: nothing an operator does goes without an entry, begun before the act."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Query

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import KeyedRouter
from integrahub.db.accounts import audit_log
from integrahub.db.batches import reports
from integrahub.db.database import Database
from integrahub.domain import cursors
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Problem

_log = structlog.get_logger()
Row = dict[str, Any]
_STATE = ("status", "stage", "deactivation_state", "deactivated")


@dataclass
class AuditContext:
    """An action under way; `after` is what is so once it is done."""

    after: Any = None


class Audit:
    """Notes actions with their before and after."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def action(
        self, caller: Caller, action: str, subject: str, before: Any = None
    ) -> AsyncIterator[AuditContext]:
        """Around an action: its entry is there before it begins; a refusal or fault is its outcome."""
        noted = await audit_log.begin(
            self._database, actor=caller.name, address=caller.address, action=action, subject=subject, before=before
        )
        entry, outcome = AuditContext(), "failed"
        try:
            yield entry
            outcome = "done"
        except Problem as problem:
            outcome = problem.code
            raise
        finally:
            _log.info(
                "operator action", action="audit", act=action, subject=subject, actor=caller.name, outcome=outcome
            )
            await audit_log.end(self._database, noted, outcome, entry.after)

    @asynccontextmanager
    async def on_batch(self, caller: Caller, action: str, batch_id: UUID) -> AsyncIterator[AuditContext]:
        """Around an action on a batch: its state before and after."""
        before = await self._state(batch_id)
        async with self.action(caller, action, str(batch_id), before) as entry:
            yield entry
            entry.after = {"batch": await self._state(batch_id), "result": entry.after}

    async def _state(self, batch_id: UUID) -> Row | None:
        row = await reports.show(self._database, batch_id)
        return {name: row[name] for name in _STATE} if row else None


def router(database: Database, viewer: Authenticate) -> APIRouter:
    """The route that reads the log."""
    routes = KeyedRouter(dependencies=[Depends(viewer)], tags=["admin"])

    @routes.get("/admin/audit", summary="What operators did, newest first")
    async def page(
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str | None = None,
    ) -> Row:
        wanted = {"actor": actor, "action": action, "subject": subject}
        rows = await audit_log.page(database, wanted, _after(cursor), limit)
        return {"items": rows, "next_cursor": cursors.encode(rows[-1]["id"]) if len(rows) == limit else None}

    return routes


def _after(cursor: str | None) -> int | None:
    try:
        return int(cursors.decode(cursor, int)[0]) if cursor else None
    except cursors.InvalidCursor:
        raise BadRequest("cursor_invalid") from None
