"""The audit log: who did what, with the state before and after each action."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.db.accounts import audit_log
from integrahub.db.accounts.audit_log import AuditFilters
from integrahub.db.accounts.rows import AuditEntry
from integrahub.domain import cursors
from integrahub.domain.errors import BadRequest
from integrahub.domain.people.roles import Role

AUDIT = f"{ROOT}/audit"
_PAGE_SIZE = 50
_MAX_FILTER_LENGTH = 200
_MAX_VALUE_LENGTH = 2_000
_MAX_MEMBERS = 200
_SPANS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "365d": timedelta(days=365)}


class Difference(msgspec.Struct, frozen=True):
    """One member of the state before and after an action."""

    name: str
    before: str
    after: str
    is_changed: bool


class AuditRow(msgspec.Struct, frozen=True):
    """An entry with its members side by side. `subject_path` leads to the page of its subject, if there is one."""

    entry: AuditEntry
    differences: list[Difference]
    subject_path: str


class AuditView(msgspec.Struct, frozen=True):
    """A page of the log; the filters are as typed."""

    rows: list[AuditRow]
    next_cursor: str | None
    actor: str
    action: str
    subject: str
    since: str
    spans: list[str]


class AuditPages:
    """Pages of the audit log."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer with a page of the log."""
        query = {name: value[:_MAX_FILTER_LENGTH].strip() for name, value in request.query_params.items()}
        actor, action, subject, since = (query.get(name, "") for name in ("actor", "action", "subject", "since"))
        filters = AuditFilters(actor or None, action or None, subject or None, since=self._parse_since(since))
        after = _parse_cursor(query.get("cursor", ""))
        entries = await audit_log.search(self._console.reads, filters, after, _PAGE_SIZE)
        rows = [AuditRow(entry, list(_compare(entry.before, entry.after)), _path_of(entry)) for entry in entries]
        cursor = cursors.encode(entries[-1].id) if len(entries) == _PAGE_SIZE else None
        view = AuditView(rows, cursor, actor, action, subject, since, list(_SPANS))
        return self._console.page(request, "audit/list.html", view)

    def _parse_since(self, text: str) -> datetime | None:
        """Return the start of a span such as `24h`, or an absolute time."""
        if not text:
            return None
        if text in _SPANS:
            return self._console.clock() - _SPANS[text]
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            expected = f"{', '.join(_SPANS)}, 2027-03-01T12:00:00Z"
            raise BadRequest("value_unreadable", name="since", value=text, expected=expected) from None
        return time if time.tzinfo else time.astimezone()


def _parse_cursor(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(cursors.decode(text, int)[0])
    except cursors.InvalidCursor:
        raise BadRequest("cursor_invalid") from None


def _path_of(entry: AuditEntry) -> str:
    """Return the page of what an action was about."""
    area = entry.action.partition(".")[0]
    if area == "batch":
        return f"{ROOT}/batches/{entry.subject}"
    if area == "pharmacy":
        return f"{ROOT}/pharmacies/{entry.subject}"
    return ""


def _compare(before: Any, after: Any) -> Iterator[Difference]:
    """Yield the members of both states in their order, nested ones by their path, at most 200."""
    first, second = dict(_flatten("", before)), dict(_flatten("", after))
    for name in [*first, *(name for name in second if name not in first)][:_MAX_MEMBERS]:
        one, other = first.get(name, ""), second.get(name, "")
        yield Difference(name, one, other, one != other)


def _flatten(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _flatten(f"{path}.{name}" if path else str(name), member)
    elif value is not None:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield path, text[:_MAX_VALUE_LENGTH]


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the route; every person may read the log."""
    pages, viewer = AuditPages(console), [Depends(require(Role.VIEWER))]
    router = APIRouter(dependencies=viewer)
    router.add_api_route(AUDIT, pages.show, methods=["GET"], response_model=None)
    return router
