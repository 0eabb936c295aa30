"""Acts on a batch: replay and cancel."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.audit import Audit
from integrahub.console.access import Person, require
from integrahub.console.acts import Done, perform
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.console.translations import N_
from integrahub.db.batches import reports
from integrahub.db.console import batches
from integrahub.domain.batches import BODY_ERRORS
from integrahub.domain.errors import Conflict, NotFound, Problem
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.messages.message import Message
from integrahub.domain.people.roles import Role
from integrahub.domain.views.batch import BatchView, view_batch

Operator = Annotated[Person, Depends(require(Role.OPERATOR))]


class ReplayView(msgspec.Struct, frozen=True):
    """What a replay of a batch will do; `refusal` says why it cannot be done."""

    batch: BatchView
    name: str
    refusal: Message | None

    @property
    def is_body_at_fault(self) -> bool:
        """Return whether the body itself cannot be read, so that a replay fails as well."""
        return self.batch.error is not None and self.batch.error.code in BODY_ERRORS


class BatchActs:
    """Replay and cancel a batch, each with an entry of the audit log."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._replay = console.hub.replay()
        self._decisions = console.hub.decisions()
        self._audit = Audit(console.database)

    async def confirm_replay(self, request: Request, batch_id: UUID) -> Response:
        """Answer with the page that says what a replay will do, and asks whether to do it."""
        report = await reports.show(self._console.reads, batch_id)
        facts = await batches.find_facts(self._console.reads, batch_id)
        if report is None or facts is None:
            raise NotFound("batch_not_found", batch_id=batch_id)
        try:
            await self._replay.check(batch_id)
            refusal = None
        except Problem as problem:
            refusal = render_message(problem.code, problem.facts)
        view = ReplayView(view_batch(report, self._console.renderer.language_of(request)), facts.name, refusal)
        return self._console.renderer.page(request, "batches/replay.html", view, zone=facts.time_zone)

    async def replay(self, request: Request, batch_id: UUID, person: Operator) -> Response:
        """Queue the replay of a batch."""

        async def act() -> Done:
            async with self._audit.on_batch(person.caller, "batch.replay", batch_id) as context:
                queued = await self._replay.replay_batch(batch_id)
                context.after = msgspec.to_builtins(queued)
            return Done(
                N_("The replay is queued as batch `%(batch)s`; its state is below."), {"batch": str(queued.id)[-8:]}
            )

        return await perform(request, f"{ROOT}/batches/{batch_id}", act)

    async def cancel(self, request: Request, batch_id: UUID, person: Operator) -> Response:
        """Cancel a batch."""

        async def act() -> Done:
            async with self._audit.on_batch(person.caller, "batch.cancel", batch_id) as context:
                totals = await self._decisions.cancel(batch_id)
                if totals is None:
                    raise Conflict("nothing_to_cancel")
                context.after = msgspec.structs.asdict(totals)
            values: dict[str, str | int] = {"applied": totals.applied, "cancelled": totals.cancelled}
            return Done(N_("The batch was cancelled: %(applied)s records stay, %(cancelled)s were left out."), values)

        return await perform(request, f"{ROOT}/batches/{batch_id}", act)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the routes of acts on a batch."""
    acts, router = BatchActs(console), APIRouter()
    operator, path = [Depends(require(Role.OPERATOR))], f"{ROOT}/batches/{{batch_id}}"
    router.add_api_route(
        f"{path}/replay", acts.confirm_replay, methods=["GET"], dependencies=operator, response_model=None
    )
    router.add_api_route(f"{path}/replay", acts.replay, methods=["POST"], dependencies=operator, response_model=None)
    router.add_api_route(f"{path}/cancel", acts.cancel, methods=["POST"], dependencies=operator, response_model=None)
    return router
