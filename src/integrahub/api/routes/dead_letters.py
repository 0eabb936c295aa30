"""Operators' routes of dead letters: chunks and messages that no worker retries, and their groups by cause."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cursors import decode_id, decode_values
from integrahub.api.models.dead_letters import (
    BulkOperationAnswer,
    BulkOperationPage,
    BulkProgressAnswer,
    DeadLetterAnswer,
    DeadLetterError,
    DeadLetterPage,
    FailureGroupAnswer,
    FailureGroupList,
)
from integrahub.db.chunks import bulk_operations, dead_letters
from integrahub.db.chunks.bulk_rows import BulkOperation, BulkOperationPosition
from integrahub.db.chunks.rows import DeadLetter, DeadLetterFilters
from integrahub.db.database import Database
from integrahub.domain import cursors
from integrahub.domain.errors import BadRequest, NotFound
from integrahub.domain.pharmacies import unmask


def to_answer(letter: DeadLetter) -> DeadLetterAnswer:
    """Return the answer for a dead letter. `stack` and `body` are absent where the row was read without them."""
    row = {name: value for name, value in msgspec.structs.asdict(letter).items() if value is not msgspec.UNSET}
    error = {
        name.removeprefix("error_"): row[name] for name in ("error_code", "culprit", "message", "stack") if name in row
    }
    row["error"] = DeadLetterError.model_validate({"class": letter.error_class, **error})
    row["trace_id"] = letter.batch_id.hex if letter.batch_id else letter.trace_id
    return DeadLetterAnswer.model_validate(row)


def router(database: Database, viewer: Authenticate) -> APIRouter:
    """Return the routes; they require a viewer's key."""
    routes = AuthenticatedRouter(dependencies=[Depends(viewer)], tags=["admin"])

    @routes.get("/v1/dead-letters", summary="Dead letters, newest first", response_model_exclude_unset=True)
    async def page(
        error: Annotated[str | None, Query(description="a class, a code or a fingerprint")] = None,
        cnpj: str | None = None,
        batch_id: UUID | None = None,
        settled: Annotated[bool | None, Query(description="false: only open ones")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str | None = None,
    ) -> DeadLetterPage:
        filters = DeadLetterFilters(unmask(cnpj) if cnpj else None, batch_id, error)
        rows = await dead_letters.list_page(database, filters, settled=settled, after=decode_id(cursor), limit=limit)
        next_cursor = cursors.encode(rows[-1].id) if len(rows) == limit else None
        return DeadLetterPage(items=[to_answer(row) for row in rows], next_cursor=next_cursor)

    _add_reads(routes, database)
    _add_operations(routes, database)
    return routes


def _add_reads(routes: APIRouter, database: Database) -> None:
    @routes.get("/v1/dead-letters/groups", summary="Failures by fingerprint: how often, since when, a sample")
    async def groups() -> FailureGroupList:
        rows = await dead_letters.list_groups(database)
        return FailureGroupList(items=[FailureGroupAnswer.model_validate(row) for row in rows])

    @routes.get(
        "/v1/dead-letters/{letter_id:int}",
        summary="One dead letter, with its stack and its attempts",
        response_model_exclude_unset=True,
    )
    async def show(letter_id: int) -> DeadLetterAnswer:
        letter = await dead_letters.find(database, letter_id)
        if letter is None:
            raise NotFound("dead_letter_not_found", letter_id=letter_id)
        return to_answer(letter)


def _add_operations(routes: APIRouter, database: Database) -> None:
    @routes.get("/v1/dead-letters/replays", summary="Replays of dead letters, newest first")
    async def replays(limit: Annotated[int, Query(ge=1, le=500)] = 50, cursor: str | None = None) -> BulkOperationPage:
        rows = await bulk_operations.list_page(database, _read_position(cursor), limit)
        last = rows[-1] if len(rows) == limit else None
        next_cursor = cursors.encode(last.created_at.isoformat(), str(last.id)) if last else None
        items = [BulkOperationAnswer.model_validate(_members(row)) for row in rows]
        return BulkOperationPage(items=items, next_cursor=next_cursor)

    @routes.get("/v1/dead-letters/replays/{operation_id}", summary="One replay of dead letters: progress and result")
    async def show_replay(operation_id: UUID) -> BulkProgressAnswer:
        operation = await bulk_operations.find(database, operation_id)
        if operation is None:
            raise NotFound("bulk_operation_not_found", operation_id=operation_id)
        return BulkProgressAnswer.model_validate(_members(operation))


def _members(operation: BulkOperation) -> dict[str, Any]:
    filters = {name: value for name, value in msgspec.to_builtins(operation.filters).items() if value is not None}
    return msgspec.structs.asdict(operation) | {"filters": filters}


def _read_position(cursor: str | None) -> BulkOperationPosition | None:
    values = decode_values(cursor, str, str)
    if values is None:
        return None
    try:
        return BulkOperationPosition(datetime.fromisoformat(values[0]), UUID(values[1]))
    except ValueError:
        raise BadRequest("cursor_invalid") from None
