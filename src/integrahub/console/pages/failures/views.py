"""What the pages of failures show: causes, one cause, one letter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.context import ConsoleContext
from integrahub.console.page_cursors import read_time, split_page
from integrahub.console.pages.failures.held_causes import HeldCauses, hold_causes, read_held
from integrahub.console.pages.failures.parameters import (
    MAX_BIGINT,
    read_choice,
    read_cnpj,
    read_position,
    read_since,
    read_text,
)
from integrahub.db.chunks import bulk_operations, dead_letters
from integrahub.db.chunks.bulk_rows import BulkProgress
from integrahub.db.chunks.rows import DeadLetter, DeadLetterFilters
from integrahub.db.console import failures
from integrahub.db.console.failures_rows import (
    MAX_COUNTED_LETTERS,
    Cause,
    CauseFilters,
    CauseLetter,
    CausePosition,
    CauseState,
    HourCount,
    LetterFilters,
    LettersOfPharmacy,
)
from integrahub.domain import cursors
from integrahub.domain.errors import NotFound
from integrahub.operations.replay_checks import RefusedReplay

ROWS = 50
_OPERATIONS_SHOWN = 3
_HOURS = 24


@dataclass(frozen=True, slots=True)
class CauseList:
    """The page of causes. `newer` counts those that failed since it was opened and that it does not show.

    `count` is the number of causes of the heading, `poll` the query of its updates.
    """

    rows: list[Cause]
    filters: CauseFilters
    replay: DeadLetterFilters  # what a replay of all that the filter finds would take
    next_cursor: str | None
    hours: dict[str, list[HourCount]]
    newer: int
    count: int
    poll: dict[str, str]
    max_counted: int = MAX_COUNTED_LETTERS


class Attempt(msgspec.Struct, frozen=True):
    """A failed attempt of a chunk."""

    at: datetime
    error: str = ""
    culprit: str = ""


@dataclass(frozen=True, slots=True)
class CauseView:
    """The page of one cause; `sample` is its latest letter, unless retention deleted it."""

    cause: Cause
    sample: DeadLetter | None
    pharmacies: list[LettersOfPharmacy]
    operations: list[BulkProgress]
    letters: list[CauseLetter]
    filters: LetterFilters
    next_cursor: str | None
    hours: list[HourCount]
    max_counted: int = MAX_COUNTED_LETTERS

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts of the sample."""
        return read_attempts(self.sample) if self.sample else []


@dataclass(frozen=True, slots=True)
class LetterView:
    """The page of one letter; `refusal` says why it cannot be replayed."""

    letter: DeadLetter
    pharmacy: str | None
    operation: BulkProgress | None
    refusal: RefusedReplay | None

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts of the letter."""
        return read_attempts(self.letter)


def fill_hours(rows: Sequence[HourCount], now: datetime) -> list[HourCount]:
    """Return each of the last 24 hours. Hours without open letters have no row."""
    counted, fingerprint = {row.hour: row.open for row in rows}, rows[0].fingerprint
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=ago) for ago in range(_HOURS - 1, -1, -1)]
    return [HourCount(fingerprint, hour, counted.get(hour, 0)) for hour in hours]


def read_attempts(letter: DeadLetter) -> list[Attempt]:
    """Return the failed attempts of a letter."""
    return msgspec.convert(letter.attempts, list[Attempt])


class FailureReads:
    """Reads and renders pages of failures."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._bulk = console.hub.bulk_replays()

    async def show_causes(self, request: Request) -> Response:
        """Answer with the causes that the filters of the query find."""
        query, now = request.query_params, self._console.clock()
        state = read_choice(query, "state", CauseState.OPEN)
        filters = CauseFilters(state, read_text(query, "cause"), read_cnpj(query), read_since(query, now))
        held = read_held(query)
        found = await self._list_causes(query, filters, held)
        newer = 0
        if held and "cursor" not in query:
            newer = await failures.count_later(self._console.reads, filters, held.opened, held.fingerprints)
        rows, last = split_page(found, ROWS)
        view = CauseList(
            rows=rows,
            filters=filters,
            replay=DeadLetterFilters(cnpj=filters.cnpj, error=filters.cause, since=filters.since),
            next_cursor=cursors.encode(last.last_seen.isoformat(), last.fingerprint) if last else None,
            hours=await self._read_hours([row.fingerprint for row in rows]),
            newer=newer,
            count=newer + sum(_is_counted(row, state, now) for row in rows),
            poll=dict(query) | hold_causes(held or HeldCauses.of(found, now)),
        )
        return self._console.page(request, "failures/list.html", view)

    async def _list_causes(
        self, query: Mapping[str, str], filters: CauseFilters, held: HeldCauses | None
    ) -> list[Cause]:
        """Return a page of causes and the one after it; those of a live update are the same in the same order."""
        if held:
            return await failures.list_shown(self._console.reads, filters, held.fingerprints)
        position = read_position(query, read_time, str)
        after = CausePosition(*position) if position else None
        return await failures.list_causes(self._console.reads, filters, after, ROWS + 1)

    async def show_cause(self, request: Request, fingerprint: str) -> Response:
        """Answer with one cause, a sample, and its letters."""
        query, reads = request.query_params, self._console.reads
        cause = await self.find_cause(fingerprint)
        filters = LetterFilters(_read_settled(query), read_cnpj(query), read_since(query, self._console.clock()))
        position = read_position(query, int)
        before = position[0] if position else None
        found = await failures.list_letters(reads, fingerprint, filters, before, ROWS + 1)
        letters, last = split_page(found, ROWS)
        hours = await self._read_hours([fingerprint])
        view = CauseView(
            cause=cause,
            sample=await dead_letters.find(reads, cause.sample),
            pharmacies=await failures.list_pharmacies(reads, DeadLetterFilters(error=fingerprint)),
            operations=await self._read_operations(fingerprint),
            letters=letters,
            filters=filters,
            next_cursor=cursors.encode(last.id) if last else None,
            hours=hours.get(fingerprint, []),
        )
        return self._console.page(request, "failures/cause.html", view)

    async def show_letter(self, request: Request, letter_id: int) -> Response:
        """Answer with one letter, its stack and its attempts."""
        reads = self._console.reads
        letter = await dead_letters.find(reads, min(letter_id, MAX_BIGINT))
        if letter is None:
            raise NotFound("dead_letter_not_found", letter_id=letter_id)
        name = await failures.find_pharmacy_name(reads, letter.cnpj) if letter.cnpj else None
        operation, refusal = None, None
        if letter.bulk_operation_id:
            operation = await bulk_operations.find(reads, letter.bulk_operation_id)
        if not letter.settled_at and not letter.replay_asked_at:
            checked = await self._bulk.check(DeadLetterFilters(ids=[letter.id]), 1)
            refusal = checked.refused[0] if checked.refused else None
        view = LetterView(letter, name, operation, refusal)
        return self._console.page(request, "failures/letter.html", view)

    async def find_cause(self, fingerprint: str) -> Cause:
        """Return a cause. Raise NotFound if it does not exist."""
        cause = await failures.find_cause(self._console.reads, fingerprint[:64].replace("\0", ""))
        if cause is None:
            raise NotFound("failure_not_found")
        return cause

    async def _read_operations(self, fingerprint: str) -> list[BulkProgress]:
        reads = self._console.reads
        ids = await failures.list_operations(reads, fingerprint, _OPERATIONS_SHOWN)
        found = [await bulk_operations.find(reads, operation_id) for operation_id in ids]
        return [operation for operation in found if operation]

    async def _read_hours(self, fingerprints: list[str]) -> dict[str, list[HourCount]]:
        now = self._console.clock()
        found = await failures.list_hours(self._console.reads, fingerprints, now)
        return {fingerprint: fill_hours(rows, now) for fingerprint, rows in found.items()}


def _is_counted(cause: Cause, state: CauseState, now: datetime) -> bool:
    """Return whether the heading counts a cause: one of the open ones may be resolved or muted since."""
    return state != CauseState.OPEN or (cause.open > 0 and not cause.is_muted(now))


def _read_settled(query: Mapping[str, str]) -> bool | None:
    return {"settled": True, "all": None}.get(query.get("state", "open"), False)
