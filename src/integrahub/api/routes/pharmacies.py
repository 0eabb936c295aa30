"""Operators' routes of pharmacies and their settings."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BeforeValidator, Field
from starlette.convertors import StringConvertor, register_url_convertor

from integrahub.access.pharmacy_settings import PharmacyAdmin, check_rate, check_time_zone
from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cnpj import ParseCnpj, read_cnpj
from integrahub.api.models.pharmacies import PharmacyAnswer, PharmacyPage, RowsWritten, SilentPharmacyAnswer
from integrahub.api.unknown_names import StrictModel
from integrahub.db.accounts import pharmacies
from integrahub.db.database import Database
from integrahub.db.products import search
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import NotFound
from integrahub.domain.messages.fields import InvalidField

RateText = Annotated[str, AfterValidator(check_rate)]


class _CnpjConvertor(StringConvertor):
    """Part of a path that may be a CNPJ: anything except `api-key`, which is another route."""

    regex = "(?!api-key$)[^/]+"


register_url_convertor("cnpj", _CnpjConvertor())


def _reject_booleans(value: Any) -> Any:
    # pydantic would read false as 0, which holds every deactivation.
    if isinstance(value, bool):
        raise InvalidField("float_parsing")
    return value


Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_reject_booleans)]


class PharmacyChanges(StrictModel):
    """Settings of a pharmacy to change. An absent member leaves its setting unchanged."""

    name: str | None = Field(None, min_length=1, max_length=200)
    city: str | None = Field(None, max_length=200)
    state: str | None = Field(None, max_length=20)
    time_zone: Annotated[str, AfterValidator(check_time_zone)] | None = None
    deactivation_limit: Share | None = None
    full_window_minutes: int | None = Field(None, ge=0, le=1440, strict=True)
    rate_limit: RateText | None = None


def router(
    database: Database, admin: PharmacyAdmin, viewer: Authenticate, operator: Authenticate, parse: ParseCnpj
) -> APIRouter:
    """Return the routes: reads require a viewer's key, changes an operator's."""
    routes = AuthenticatedRouter(tags=["admin"])
    _add_reads(routes, database, viewer, parse)

    @routes.put("/admin/pharmacies/{cnpj:cnpj}", summary="Register a pharmacy, or change its settings")
    async def put(cnpj: str, changes: PharmacyChanges, caller: Annotated[Caller, Depends(operator)]) -> PharmacyAnswer:
        return PharmacyAnswer.model_validate(await admin.put(caller, read_cnpj(cnpj, parse), changes.model_dump()))

    return routes


def _add_reads(routes: APIRouter, database: Database, viewer: Authenticate, parse: ParseCnpj) -> None:
    Viewer = Annotated[Caller, Depends(viewer)]

    @routes.get("/admin/pharmacies", summary="Pharmacies by CNPJ")
    async def page(
        _: Viewer, limit: int = Query(50, ge=1, le=500), cursor: str = "", silent: bool = False
    ) -> PharmacyPage:
        items: list[PharmacyAnswer] | list[SilentPharmacyAnswer]
        if silent:
            rows = await pharmacies.fetch_silent(database, cursor, limit)
            items = [SilentPharmacyAnswer.model_validate(row) for row in rows]
        else:
            items = [PharmacyAnswer.model_validate(row) for row in await pharmacies.fetch_page(database, cursor, limit)]
        return PharmacyPage(items=items, next_cursor=items[-1].cnpj if len(items) == limit else None)

    @routes.get("/admin/pharmacies/{cnpj:cnpj}", summary="A pharmacy and its settings")
    async def show(cnpj: str, _: Viewer) -> PharmacyAnswer:
        pharmacy = await pharmacies.find(database, read_cnpj(cnpj, parse))
        if pharmacy is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj)
        return PharmacyAnswer.model_validate(pharmacy)

    @routes.get("/admin/tables/products", summary="PostgreSQL's counters of product rows written")
    async def rows_written(_: Viewer) -> RowsWritten:
        return RowsWritten.model_validate(await search.rows_written(database))
