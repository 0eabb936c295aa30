"""Operators' routes that change batches: approve or reject a deactivation, cancel, and replay."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from pydantic import Field, StrictInt

from integrahub.access.audit import Audit
from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.language import AnswerLanguage
from integrahub.api.models.base import Moment
from integrahub.api.models.batches import CancelAnswer, DecisionAnswer
from integrahub.api.models.dead_letters import (
    QueuedReplayAnswer,
    RefusedReplayAnswer,
    ReplayAnswer,
    StoppedReplay,
)
from integrahub.api.unknown_names import StrictModel
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Conflict
from integrahub.domain.languages import Language
from integrahub.domain.messages.message import Message
from integrahub.domain.pharmacies import unmask
from integrahub.domain.replays import MAX_LETTERS
from integrahub.operations.bulk import BulkReplays
from integrahub.operations.decisions import BatchDecisions
from integrahub.operations.replay import Replay
from integrahub.operations.replay_checks import RefusedReplay


class Decision(StrictModel):
    """Decision on a held deactivation: `approve` deactivates its products, `reject` keeps all active."""

    decision: str = Field(pattern="^(approve|reject)$")


class DeadLetterFilter(StrictModel):
    """Which dead letters to replay; at least one member. `error` is a class, a code or a fingerprint."""

    ids: list[StrictInt] | None = Field(None, min_length=1, max_length=1000)
    batch_id: UUID | None = None
    cnpj: str | None = None
    error: str | None = Field(None, min_length=1, max_length=200)
    since: Moment | None = None


class ReplayRequest(StrictModel):
    """A filter, and the maximum number of dead letters to replay."""

    filter: DeadLetterFilter
    limit: int = Field(1000, ge=1, le=MAX_LETTERS, strict=True)

    def filters(self) -> DeadLetterFilters:
        """Return the filter for the database. Raise BadRequest if it has no member."""
        given = self.filter.model_dump()
        if all(value is None for value in given.values()):
            raise BadRequest("filter_missing")
        return DeadLetterFilters(**given | {"cnpj": unmask(given["cnpj"]) if given["cnpj"] else None})


class BatchOperations:
    """Run operators' actions on batches and dead letters, each with an audit entry."""

    def __init__(self, decisions: BatchDecisions, replay: Replay, bulk: BulkReplays, audit: Audit) -> None:
        self._decisions = decisions
        self._replay = replay
        self._bulk = bulk
        self._audit = audit

    async def decide(self, caller: Caller, batch_id: UUID, decision: Literal["approve", "reject"]) -> DecisionAnswer:
        """Approve or reject a held deactivation. Raise Conflict if none is held."""
        decide = self._decisions.approve if decision == "approve" else self._decisions.reject
        async with self._audit.on_batch(caller, f"batch.{decision}", batch_id):
            if not await decide(batch_id):
                raise Conflict("nothing_held")
        return DecisionAnswer(batch_id=batch_id, decision=decision)

    async def cancel(self, caller: Caller, batch_id: UUID) -> CancelAnswer:
        """Cancel an unfinished batch. Raise Conflict if it is final or does not exist."""
        async with self._audit.on_batch(caller, "batch.cancel", batch_id) as context:
            totals = await self._decisions.cancel(batch_id)
            if totals is None:
                raise Conflict("nothing_to_cancel")
            context.after = counters = msgspec.structs.asdict(totals)
        return CancelAnswer.model_validate({"batch_id": batch_id, "status": "CANCELLED", **counters})

    async def replay_batch(self, caller: Caller, batch_id: UUID) -> QueuedReplayAnswer:
        """Queue the replay of a final batch. Raise Conflict with the reason if it cannot be replayed."""
        async with self._audit.on_batch(caller, "batch.replay", batch_id) as context:
            queued = await self._replay.replay_batch(batch_id)
            answer = QueuedReplayAnswer.model_validate({"batch_id": queued.id, **msgspec.structs.asdict(queued)})
            context.after = answer.model_dump()
        return answer

    async def replay_dead_letters(self, caller: Caller, request: ReplayRequest, language: Language) -> ReplayAnswer:
        """Start the replay of dead letters that match the filter."""
        filters = request.filters()
        before: dict[str, Any] = {name: getattr(filters, name) for name in DeadLetterFilter.model_fields}
        before["limit"] = request.limit
        async with self._audit.action(caller, "dead_letters.replay", "", before) as context:
            result = await self._bulk.start_checked(caller.name, filters, request.limit)
            context.after = msgspec.to_builtins(result)
        refused = [_to_refusal(refusal, language) for refusal in result.refused]
        return ReplayAnswer(operation_id=result.operation_id, asked=result.asked, refused=refused)

    async def stop_replay(self, caller: Caller, operation_id: UUID) -> StoppedReplay:
        """Stop a replay of dead letters. Raise Conflict if it has ended."""
        async with self._audit.action(caller, "dead_letters.replay.stop", str(operation_id)) as context:
            released = await self._bulk.stop(operation_id, caller.name)
            context.after = {"released": released}
        return StoppedReplay(operation_id=operation_id, released=released)


def _to_refusal(refusal: RefusedReplay, language: Language) -> RefusedReplayAnswer:
    message = Message(refusal.message_pt, refusal.message_en).in_language(language)
    return RefusedReplayAnswer.model_validate(msgspec.structs.asdict(refusal) | {"message": message})


def router(operations: BatchOperations, operator: Authenticate) -> APIRouter:
    """Return the routes; they require an operator's key."""
    routes = AuthenticatedRouter(tags=["admin"])
    Operator = Annotated[Caller, Depends(operator)]

    @routes.post("/v1/batches/{batch_id}/cancel", summary="Cancel a batch; what was applied stays")
    async def cancel(batch_id: UUID, caller: Operator) -> CancelAnswer:
        return await operations.cancel(caller, batch_id)

    @routes.post("/v1/batches/{batch_id}/deactivation", summary="Approve or reject a held deactivation")
    async def deactivation(batch_id: UUID, decision: Decision, caller: Operator) -> DecisionAnswer:
        return await operations.decide(caller, batch_id, "approve" if decision.decision == "approve" else "reject")

    @routes.post("/v1/batches/{batch_id}/replay", status_code=202, summary="Apply a batch again, at its place in order")
    async def replay(batch_id: UUID, caller: Operator) -> QueuedReplayAnswer:
        return await operations.replay_batch(caller, batch_id)

    @routes.post("/v1/dead-letters/replay", status_code=202, summary="Apply failed chunks again, by filter")
    async def replay_dead_letters(request: ReplayRequest, caller: Operator, language: AnswerLanguage) -> ReplayAnswer:
        return await operations.replay_dead_letters(caller, request, language)

    @routes.post("/v1/dead-letters/replays/{operation_id}/stop", summary="Stop a replay of dead letters")
    async def stop_replay(operation_id: UUID, caller: Operator) -> StoppedReplay:
        return await operations.stop_replay(caller, operation_id)

    return routes
