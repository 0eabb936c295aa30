"""The operator's view of work that was given up: dead letters and what they have in common."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cursors import decode_id
from integrahub.db.chunks import dead_letters
from integrahub.db.chunks.rows import DeadLetter, DeadLetterFilters
from integrahub.db.database import Database
from integrahub.domain import cursors
from integrahub.domain.errors import NotFound
from integrahub.domain.pharmacies import unmask

Row = dict[str, Any]


def view(letter: DeadLetter) -> Row:
    """Return a dead letter as the operator reads it."""
    row = {name: value for name, value in msgspec.structs.asdict(letter).items() if value is not msgspec.UNSET}
    names = ("error_class", "error_code", "culprit", "message", "stack")
    error = {name.removeprefix("error_"): row[name] for name in names if name in row}
    trace = {"trace_id": letter.batch_id.hex if letter.batch_id else letter.trace_id}
    return {name: value for name, value in row.items() if name not in names} | trace | {"error": error}


def router(database: Database, viewer: Authenticate) -> APIRouter:
    """The routes, for the operator alone."""
    routes = AuthenticatedRouter(dependencies=[Depends(viewer)], tags=["admin"])

    @routes.get("/v1/dead-letters", summary="Work that was given up, newest first")
    async def page(
        error: Annotated[str | None, Query(description="a class, a code or a fingerprint")] = None,
        cnpj: str | None = None,
        batch_id: UUID | None = None,
        settled: Annotated[bool | None, Query(description="false: open ones alone")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str | None = None,
    ) -> Row:
        filters = DeadLetterFilters(unmask(cnpj) if cnpj else None, batch_id, error)
        rows = await dead_letters.list_page(database, filters, settled=settled, after=decode_id(cursor), limit=limit)
        following = cursors.encode(rows[-1].id) if len(rows) == limit else None
        return {"items": [view(row) for row in rows], "next_cursor": following}

    @routes.get("/v1/dead-letters/groups", summary="Failures by fingerprint: how often, since when, a sample")
    async def groups() -> Row:
        return {"items": [msgspec.structs.asdict(group) for group in await dead_letters.list_groups(database)]}

    @routes.get("/v1/dead-letters/{letter_id:int}", summary="One dead letter, with its stack and its attempts")
    async def show(letter_id: int) -> Row:
        row = await dead_letters.find(database, letter_id)
        if row is None:
            raise NotFound("dead_letter_not_found", letter_id=letter_id)
        return view(row)

    return routes
