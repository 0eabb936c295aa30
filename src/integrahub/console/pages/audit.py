"""The audit log: who did what, with the state before and after each action."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.page_cursors import decode_cursor, split_page
from integrahub.console.time_ranges import parse_time
from integrahub.console.translations import N_
from integrahub.db.accounts import audit_log
from integrahub.db.accounts.audit_log import AuditFilters
from integrahub.db.accounts.rows import AuditEntry
from integrahub.domain import cursors
from integrahub.domain.errors import BadRequest
from integrahub.domain.people.roles import Role
from integrahub.domain.webhooks.target_url import hide_secrets

AUDIT = f"{ROOT}/audit"
_PAGE_SIZE = 50
_MAX_FILTER_LENGTH = 200
_MAX_VALUE_LENGTH = 2_000
_MAX_MEMBERS = 200
_PATHS = {"batch": f"{ROOT}/batches", "pharmacy": f"{ROOT}/pharmacies", "failure": f"{ROOT}/failures"}
_CNPJ_LENGTH = 14
_USER = "user "  # the subject of acts on a person, before the number
_SPANS = {"24h": N_("24 hours"), "7d": N_("7 days"), "30d": N_("30 days"), "365d": N_("1 year")}


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
    since_at: datetime | None
    spans: Mapping[str, str]


class AuditPages:
    """Pages of the audit log."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer with a page of the log."""
        query = {name: _clean(value) for name, value in request.query_params.items()}
        actor, action, subject, since = (query.get(name, "") for name in ("actor", "action", "subject", "since"))
        filters = AuditFilters(actor or None, action or None, subject or None, since=self._parse_since(since))
        position = decode_cursor(query.get("cursor"), int)
        after = position[0] if position else None
        found = await audit_log.search(self._console.reads, filters, after, _PAGE_SIZE + 1)
        entries, last = split_page(found, _PAGE_SIZE)
        rows = [AuditRow(entry, list(_compare(entry.before, entry.after)), _path_of(entry)) for entry in entries]
        cursor = cursors.encode(last.id) if last else None
        view = AuditView(rows, cursor, actor, action, subject, since, filters.since, _SPANS)
        return self._console.page(request, "audit/list.html", view)

    def _parse_since(self, text: str) -> datetime | None:
        """Return the start of a span such as `24h`, or an absolute time."""
        if not text:
            return None
        time = parse_time(text, self._console.clock())
        if time is None:
            expected = f"{', '.join(_SPANS)}, 2027-03-01T12:00:00Z"
            raise BadRequest("value_unreadable", name="since", value=text, expected=expected)
        return time


def _clean(text: str) -> str:
    return text[:_MAX_FILTER_LENGTH].replace("\0", "").strip()


def _path_of(entry: AuditEntry) -> str:
    """Return the page of what an action was about."""
    area, subject = entry.action.partition(".")[0], quote(entry.subject, safe="")
    if not subject:
        return ""
    if entry.action == "dead_letters.replay.stop":
        return f"{ROOT}/failures/replays/{subject}"
    if entry.subject.startswith(_USER):
        return f"{ROOT}/users/{subject.removeprefix(quote(_USER))}"
    if len(subject) == _CNPJ_LENGTH and area in ("key", "webhook"):
        return f"{ROOT}/pharmacies/{subject}"
    return f"{_PATHS[area]}/{subject}" if area in _PATHS else ""


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
        yield path, (hide_secrets(text) if path.rpartition(".")[2] == "url" else text)[:_MAX_VALUE_LENGTH]


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the route; every person may read the log."""
    pages, viewer = AuditPages(console), [Depends(require(Role.VIEWER))]
    router = APIRouter(dependencies=viewer)
    router.add_api_route(AUDIT, pages.show, methods=["GET"], response_model=None)
    return router
