"""Route that lists the audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cursors import decode_id
from integrahub.api.models.audit_log import AuditEntryAnswer, AuditPage
from integrahub.db.accounts import audit_log
from integrahub.db.database import Database
from integrahub.domain import cursors


def router(database: Database, viewer: Authenticate) -> APIRouter:
    """Return the route; it requires a viewer's key."""
    routes = AuthenticatedRouter(dependencies=[Depends(viewer)], tags=["admin"])

    @routes.get("/admin/audit", summary="Actions of operators, newest first")
    async def page(
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str | None = None,
    ) -> AuditPage:
        filters = {"actor": actor, "action": action, "subject": subject}
        rows = await audit_log.fetch_page(database, filters, decode_id(cursor), limit)
        items = [AuditEntryAnswer.model_validate(row) for row in rows]
        return AuditPage(items=items, next_cursor=cursors.encode(items[-1].id) if len(items) == limit else None)

    return routes
