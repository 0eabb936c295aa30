"""Answer of the route of the audit log."""

from typing import Any

from integrahub.api.models.base import Answer, Timestamp


class AuditEntryAnswer(Answer):
    """An action of an operator. `outcome` is `done`, an error code or `failed`; null while the action runs."""

    id: int
    at: Timestamp
    actor: str
    address: str
    action: str
    subject: str
    before: Any
    after: Any
    outcome: str | None
    ended_at: Timestamp | None


class AuditPage(Answer):
    """Actions, newest first. `next_cursor` is null on the last page."""

    items: list[AuditEntryAnswer]
    next_cursor: str | None
