"""The operator's routes that apply work again: a batch, dead letters by filter."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from pydantic import Field, StrictInt

from integrahub.access.audit import Audit
from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.language import AnswerLanguage
from integrahub.api.unknown_names import StrictModel
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest
from integrahub.domain.languages import Language
from integrahub.domain.messages.message import Message
from integrahub.domain.pharmacies import unmask
from integrahub.operations.replay import Replay

Row = dict[str, Any]


class DeadLetterFilter(StrictModel):
    """Which dead letters; at least one member. `error` is a class, a code or a fingerprint."""

    ids: list[StrictInt] | None = Field(None, min_length=1, max_length=1000)
    batch_id: UUID | None = None
    cnpj: str | None = None
    error: str | None = Field(None, min_length=1, max_length=200)


class ReplayRequest(StrictModel):
    """A filter, and how many letters at most."""

    filter: DeadLetterFilter
    limit: int = Field(1000, ge=1, le=10_000)

    def filters(self) -> DeadLetterFilters:
        """Return the filter for the database. Raises BadRequest if it has no member."""
        given = self.filter.model_dump()
        if all(value is None for value in given.values()):
            raise BadRequest("filter_missing")
        return DeadLetterFilters(**given | {"cnpj": unmask(given["cnpj"]) if given["cnpj"] else None})


def router(replay: Replay, audit: Audit, operator: Authenticate) -> APIRouter:
    """The routes, for the operator alone."""
    routes = AuthenticatedRouter(tags=["admin"])
    Operator = Annotated[Caller, Depends(operator)]

    @routes.post("/v1/batches/{batch_id}/replay", status_code=202, summary="Apply a batch again, in the place it had")
    async def batch(batch_id: UUID, caller: Operator) -> Row:
        async with audit.on_batch(caller, "batch.replay", batch_id) as entry:
            queued = await replay.replay_batch(batch_id)
            shown = {name: queued[name] for name in ("parent_id", "received_seq", "status", "received_at")}
            entry.after = {"batch_id": queued["id"], **shown}
        return {"batch_id": queued["id"], **shown}

    @routes.post("/v1/dead-letters/replay", status_code=202, summary="Apply dead chunks again, by filter")
    async def letters(wanted: ReplayRequest, caller: Operator, language: AnswerLanguage) -> Row:
        filters = wanted.filters()
        recorded = {name: getattr(filters, name) for name in DeadLetterFilter.model_fields} | {"limit": wanted.limit}
        async with audit.action(caller, "dead_letters.replay", "", recorded) as entry:
            result = await replay.replay_dead_letters(filters, wanted.limit)
            answer: Row = msgspec.to_builtins(result)
            entry.after = answer
        return answer | {"refused": [_spoken(refused, language) for refused in answer["refused"]]}

    return routes


def _spoken(refused: Row, language: Language) -> Row:
    """A refusal with its message in the client's language too."""
    return refused | {"message": Message(refused["message_pt"], refused["message_en"]).in_language(language)}
