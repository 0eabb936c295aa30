"""The operator's routes: pharmacies, decisions on batches."""

from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, Field
from starlette.convertors import StringConvertor, register_url_convertor

from integrahub.access.audit import Audit
from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.unknown_names import StrictModel
from integrahub.db.accounts import pharmacies
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Conflict, NotFound
from integrahub.domain.messages.fields import InvalidField
from integrahub.domain.pharmacies import InvalidCnpj, parse_cnpj
from integrahub.operations.decisions import BatchDecisions
from integrahub.resilience.rate_limit import parse_rate


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise InvalidField("zone_unknown", value=name[:80])
    return name


def _known_rate(text: str) -> str:
    try:
        parse_rate(text)
    except ValueError:
        raise InvalidField("rate_unreadable", value=text[:80]) from None
    return text


RateText = Annotated[str, AfterValidator(_known_rate)]


class _CnpjConvertor(StringConvertor):
    """A part of a path that may be a CNPJ: anything but the name of the route beside it."""

    regex = "(?!api-key$)[^/]+"


register_url_convertor("cnpj", _CnpjConvertor())


class PharmacyChanges(StrictModel):
    """What may be changed of a pharmacy; absent stays."""

    name: str | None = Field(None, min_length=1, max_length=200)
    city: str | None = Field(None, max_length=200)
    state: str | None = Field(None, max_length=20)
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    deactivation_limit: float | None = Field(None, ge=0, le=1)
    full_window_minutes: int | None = Field(None, ge=0, le=1440)
    rate_limit: RateText | None = None


class Decision(StrictModel):
    """approve or reject."""

    decision: str = Field(pattern="^(approve|reject)$")


def readable_cnpj(value: str, verify: bool) -> str:
    """The CNPJ as stored; BadRequest when it is none."""
    try:
        return parse_cnpj(value, verify=verify)
    except InvalidCnpj as error:
        raise BadRequest(error.code, **error.facts) from error


class Decisions:
    """What the operator decides of batches, each noted."""

    def __init__(self, decide: BatchDecisions, audit: Audit) -> None:
        self._decide = decide
        self._audit = audit

    async def deactivation(self, caller: Caller, batch_id: UUID, decision: str) -> dict[str, Any]:
        act = self._decide.approve if decision == "approve" else self._decide.reject
        async with self._audit.on_batch(caller, f"batch.{decision}", batch_id):
            if not await act(batch_id):
                raise Conflict("nothing_held")
        return {"batch_id": batch_id, "decision": decision}

    async def cancel(self, caller: Caller, batch_id: UUID) -> dict[str, Any]:
        async with self._audit.on_batch(caller, "batch.cancel", batch_id) as entry:
            entry.after = totals = await self._decide.cancel(batch_id)
            if totals is None:
                raise Conflict("nothing_to_cancel")
        return {"batch_id": batch_id, "status": "CANCELLED"} | totals


def router(
    database: Database,
    decide: BatchDecisions,
    audit: Audit,
    viewer: Authenticate,
    operator: Authenticate,
    verify_cnpj: bool,
) -> APIRouter:
    """The routes: reads for a viewer, changes for an operator."""
    routes = AuthenticatedRouter(tags=["admin"])
    _decision_routes(routes, Decisions(decide, audit), operator)
    _pharmacy_reads(routes, database, viewer, verify_cnpj)
    _pharmacy_changes(routes, database, audit, operator, verify_cnpj)

    @routes.get("/admin/tables/products", summary="PostgreSQL's counters of product rows written")
    async def written(_: Annotated[Caller, Depends(viewer)]) -> Any:
        async with database.transaction() as connection:
            return await (
                await connection.execute(load_queries("integrahub.db.products.search")["rows_written"])
            ).fetchone()

    return routes


def _decision_routes(routes: APIRouter, decisions: Decisions, operator: Authenticate) -> None:
    Operator = Annotated[Caller, Depends(operator)]

    @routes.post("/v1/batches/{batch_id}/cancel", summary="Stop a batch; what was applied stands")
    async def cancel(batch_id: UUID, caller: Operator) -> dict[str, Any]:
        return await decisions.cancel(caller, batch_id)

    @routes.post("/v1/batches/{batch_id}/deactivation", summary="Approve or reject a held deactivation")
    async def deactivation(batch_id: UUID, decision: Decision, caller: Operator) -> dict[str, Any]:
        return await decisions.deactivation(caller, batch_id, decision.decision)


def _pharmacy_reads(routes: APIRouter, database: Database, viewer: Authenticate, verify_cnpj: bool) -> None:
    Viewer = Annotated[Caller, Depends(viewer)]

    @routes.get("/admin/pharmacies", summary="Pharmacies by CNPJ")
    async def page(
        _: Viewer, limit: int = Query(50, ge=1, le=500), cursor: str = "", silent: bool = False
    ) -> dict[str, Any]:
        items = await (pharmacies.silent if silent else pharmacies.page)(database, cursor, limit)
        return {"items": items, "next_cursor": items[-1]["cnpj"] if len(items) == limit else None}

    @routes.get("/admin/pharmacies/{cnpj:cnpj}", summary="A pharmacy and its settings")
    async def show(cnpj: str, _: Viewer) -> dict[str, Any]:
        found = await pharmacies.find(database, readable_cnpj(cnpj, verify_cnpj))
        if found is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj)
        return found


def _pharmacy_changes(
    routes: APIRouter, database: Database, audit: Audit, operator: Authenticate, verify_cnpj: bool
) -> None:
    @routes.put("/admin/pharmacies/{cnpj:cnpj}", summary="Make a pharmacy known, or change its settings")
    async def put(
        cnpj: str, changes: PharmacyChanges, caller: Annotated[Caller, Depends(operator)]
    ) -> dict[str, Any] | None:
        known = readable_cnpj(cnpj, verify_cnpj)
        before = await pharmacies.find(database, known)
        async with audit.action(caller, "pharmacy.put", known, before) as entry:
            await pharmacies.find_or_create(database, known, changes.name or "")
            entry.after = changed = await pharmacies.update(database, known, changes.model_dump())
        return changed
