"""Acts on failures: replay what a filter finds, stop a replay, mute a cause."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.access.audit import Audit
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, mark_acted, perform, refuse
from integrahub.console.context import ConsoleContext
from integrahub.console.formats import DEFAULT_ZONE
from integrahub.console.forms import read_form
from integrahub.console.navigation import ROOT
from integrahub.console.page_cursors import decode_top, hold_top, read_time, split_page
from integrahub.console.pages.failures.parameters import (
    read_cnpj,
    read_id,
    read_number,
    read_position,
    read_since,
    read_text,
)
from integrahub.console.pages.failures.views import FailureReads
from integrahub.console.translations import N_
from integrahub.db.chunks import bulk_operations, dead_letters
from integrahub.db.chunks.bulk_rows import BulkOperation, BulkOperationPosition, BulkProgress
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.db.console import failures
from integrahub.db.console.failures_rows import MAX_COUNTED_LETTERS, CauseName, LettersOfPharmacy
from integrahub.domain import cursors
from integrahub.domain.errors import BadRequest, NotFound, Problem
from integrahub.domain.people.roles import Role
from integrahub.operations.bulk import StartedReplay

PATH = f"{ROOT}/failures"
_ROWS = 50
_CHECKED = 200  # letters whose records are looked up before the replay; the run checks all
_MAX_MUTE = timedelta(days=366)
_MAX_NOTE_LENGTH = 500
Operator = Annotated[Person, Depends(require(Role.OPERATOR))]
Viewer = Annotated[Person, Depends(require(Role.VIEWER))]


@dataclass(frozen=True, slots=True)
class ReplayView:
    """The page that confirms a replay: the filter, the pharmacies it reaches, and what cannot be replayed."""

    filters: DeadLetterFilters
    pharmacies: list[LettersOfPharmacy]
    refusals: dict[str, int]
    checked: int
    names: dict[str, CauseName]
    max_letters: int = MAX_COUNTED_LETTERS

    @property
    def letters(self) -> int:
        """The number of letters that the filter finds; one more than `max_letters` if there are more."""
        return sum(row.letters for row in self.pharmacies)

    @property
    def refused(self) -> int:
        """The number of checked letters that cannot be replayed."""
        return sum(self.refusals.values())


@dataclass(frozen=True, slots=True)
class OperationList:
    """The page of operations; `newer` counts those started since it was opened, `poll` is the query of its updates."""

    rows: list[BulkOperation]
    names: dict[str, CauseName]
    next_cursor: str | None
    newer: int
    poll: dict[str, str]


@dataclass(frozen=True, slots=True)
class OperationView:
    """The page of one operation."""

    operation: BulkProgress
    names: dict[str, CauseName]


class FailureActs:
    """Pages and forms of acts on failures."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._bulk = console.hub.bulk_replays()
        self._audit = Audit(console.database)
        self._reads = FailureReads(console)

    async def confirm(self, request: Request, person: Operator) -> Response:
        """Answer with what a replay of the filter in the query would do."""
        return await self._show_confirmation(request, read_filters(request.query_params, self._console.clock()))

    async def start(self, request: Request, person: Operator) -> Response:
        """Start the replay of the filter in the form, and go to the page of its progress."""
        filters = read_filters(await read_form(request), self._console.clock())
        before = {name: value for name, value in msgspec.structs.asdict(filters).items() if value is not None}
        try:
            async with self._audit.action(person.caller, "dead_letters.replay", "", before) as context:
                started: StartedReplay = await self._bulk.start(person.name, filters)
                context.after = {"operation_id": started.operation_id, "asked": started.asked}
        except Problem as problem:
            back = f"{PATH}/replay?{_to_query(filters)}" if before else PATH
            return refuse(request, back, problem)
        return mark_acted(request, RedirectResponse(f"{PATH}/replays/{started.operation_id}", 303))

    async def list_operations(self, request: Request, person: Viewer) -> Response:
        """Answer with the replays, newest first."""
        query, reads = request.query_params, self._console.reads
        position, top = read_position(query, read_time, UUID), decode_top(query)
        after = BulkOperationPosition(*position) if position else None
        rows, last = split_page(await bulk_operations.list_page(reads, after, _ROWS + 1, top), _ROWS)
        first = (rows[0].created_at, rows[0].id) if rows else None
        view = OperationList(
            rows,
            await failures.find_names(reads, [row.filters for row in rows]),
            cursors.encode(last.created_at.isoformat(), str(last.id)) if last else None,
            await bulk_operations.count_newer(reads, top) if top else 0,
            hold_top(query, top, first, self._console.clock()),
        )
        return self._console.page(request, "failures/operations.html", view)

    async def show_operation(self, request: Request, operation_id: UUID, person: Viewer) -> Response:
        """Answer with the progress and result of one replay."""
        operation = await bulk_operations.find(self._console.reads, operation_id)
        if operation is None:
            raise NotFound("bulk_operation_not_found", operation_id=operation_id)
        view = OperationView(operation, await failures.find_names(self._console.reads, [operation.filters]))
        return self._console.page(request, "failures/operation.html", view)

    async def stop(self, request: Request, operation_id: UUID, person: Operator) -> Response:
        """Stop a replay, and show it."""

        async def act() -> Done:
            async with self._audit.action(person.caller, "dead_letters.replay.stop", str(operation_id)) as context:
                released = await self._bulk.stop(operation_id, person.name)
                context.after = {"released": released}
            return Done(N_("The replay is stopped. Dead letters that stay open: %(num)s."), {"num": released})

        return await perform(request, f"{PATH}/replays/{operation_id}", act)

    async def mute(self, request: Request, fingerprint: str, person: Operator) -> Response:
        """Mute a cause until the end of a day, and show it."""
        form, cause = await read_form(request), await self._reads.find_cause(fingerprint)
        before = {"muted_until": cause.muted_until, "note": cause.mute_note}

        async def act() -> Done:
            async with self._audit.action(person.caller, "failure.mute", fingerprint, before) as context:
                until, note = self._read_mute(form)
                await dead_letters.mute(self._console.database, fingerprint, until, note, person.name)
                context.after = {"muted_until": until, "note": note}
            return Done(N_("The cause is muted."))

        return await perform(request, f"{PATH}/{fingerprint}", act)

    async def unmute(self, request: Request, fingerprint: str, person: Operator) -> Response:
        """End the mute of a cause, and show it."""
        cause = await self._reads.find_cause(fingerprint)
        before = {"muted_until": cause.muted_until, "note": cause.mute_note}

        async def act() -> Done:
            async with self._audit.action(person.caller, "failure.unmute", fingerprint, before):
                await dead_letters.unmute(self._console.database, fingerprint)
            return Done(N_("The cause asks for attention again."))

        return await perform(request, f"{PATH}/{fingerprint}", act)

    def _read_mute(self, form: Mapping[str, str]) -> tuple[datetime, str]:
        now, note = self._console.clock(), form.get("note", "").replace("\0", "").strip()[:_MAX_NOTE_LENGTH]
        try:
            day = datetime.strptime(form.get("until", ""), "%Y-%m-%d").date()
            until = datetime.combine(day, time.max, ZoneInfo(DEFAULT_ZONE))
        except ValueError:
            raise BadRequest("mute_invalid") from None
        if not note or not now < until < now + _MAX_MUTE:
            raise BadRequest("mute_invalid")
        return until, note

    async def _show_confirmation(self, request: Request, filters: DeadLetterFilters) -> Response:
        if filters == DeadLetterFilters():
            raise BadRequest("filter_missing")
        checked = await self._bulk.check(filters, _CHECKED)
        refusals = {code: len(ids) for code, ids in checked.refused_ids.items()}
        pharmacies = await failures.list_pharmacies(self._console.reads, filters)
        count = len(checked.accepted) + sum(refusals.values())
        names = await failures.find_names(self._console.reads, [filters])
        view = ReplayView(filters, pharmacies, refusals, count, names)
        return self._console.page(request, "failures/replay.html", view)


def _to_query(filters: DeadLetterFilters) -> str:
    fields: dict[str, object] = {
        "error": filters.error,
        "cnpj": filters.cnpj,
        "batch_id": filters.batch_id,
        "since": filters.since,
    }
    fields |= {"id": filters.ids[0] if filters.ids else None}
    return urlencode({name: value for name, value in fields.items() if value is not None})


def read_filters(values: Mapping[str, str], now: datetime) -> DeadLetterFilters:
    """Return the filter of a replay; `id` names one letter."""
    letter_id = read_number(values, "id")
    return DeadLetterFilters(
        cnpj=read_cnpj(values),
        batch_id=read_id(values, "batch_id"),
        error=read_text(values, "error"),
        ids=None if letter_id is None else [letter_id],
        since=read_since(values, now),
    )


def add_routes(router: APIRouter, console: ConsoleContext) -> None:
    """Add the routes of acts."""
    acts = FailureActs(console)
    routes = (
        ("GET", "/replay", acts.confirm),
        ("POST", "/replay", acts.start),
        ("GET", "/replays", acts.list_operations),
        ("GET", "/replays/{operation_id:uuid}", acts.show_operation),
        ("POST", "/replays/{operation_id:uuid}/stop", acts.stop),
        ("POST", "/{fingerprint}/mute", acts.mute),
        ("POST", "/{fingerprint}/unmute", acts.unmute),
    )
    for method, path, endpoint in routes:
        router.add_api_route(f"{PATH}{path}", endpoint, methods=[method], response_model=None)
