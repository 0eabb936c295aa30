"""The operator's routes: pharmacies, keys, decisions on batches."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, Field

from integrahub.api.auth import Authenticate
from integrahub.db import api_keys, pharmacies
from integrahub.db.loader import blocks
from integrahub.db.pool import Database
from integrahub.domain.errors import BadRequest, Conflict, NotFound
from integrahub.domain.keys import generate_key
from integrahub.domain.pharmacies import InvalidCnpj, parse_cnpj
from integrahub.flow.decide import Decide


class ChosenKey(BaseModel):
    """A key chosen by the operator, for migrations; absent: generated."""

    key: str | None = Field(None, min_length=8, max_length=512)
    cnpj: str | None = None


class NewKey(BaseModel):
    """The pharmacies a key is for, or "all"."""

    cnpjs: list[str] | str
    expires_at: datetime | None = None


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone; expected one such as America/Manaus")
    return name


class PharmacyChanges(BaseModel):
    """What may be changed of a pharmacy; absent stays."""

    name: str | None = Field(None, min_length=1, max_length=200)
    city: str | None = Field(None, max_length=200)
    state: str | None = Field(None, max_length=20)
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    deactivation_limit: float | None = Field(None, ge=0, le=1)
    full_window_minutes: int | None = Field(None, ge=0, le=1440)


class Decision(BaseModel):
    """approve or reject."""

    decision: str = Field(pattern="^(approve|reject)$")


class Admin:
    """What the operator may do, over the database."""

    def __init__(self, database: Database, decide: Decide, pepper: bytes, verify_cnpj: bool) -> None:
        self._database = database
        self._pepper = pepper
        self._verify = verify_cnpj
        self._decide = decide

    def cnpj(self, value: str) -> str:
        try:
            return parse_cnpj(value, verify=self._verify)
        except InvalidCnpj as error:
            raise BadRequest(error.code, **error.facts) from error

    async def pharmacy_key(self, cnpj: str, chosen: ChosenKey | None) -> dict[str, Any]:
        pharmacy = await pharmacies.find_or_create(self._database, self.cnpj(cnpj), "")
        key = (chosen.key if chosen else None) or generate_key()
        if await api_keys.create(self._database, key, self._pepper, [pharmacy["cnpj"]]) is None:
            raise Conflict("key_taken")
        message = "Keep the key: it is shown once. / Guarde a chave: ela só aparece uma vez."
        return {"cnpj": pharmacy["cnpj"], "name": pharmacy["name"], "api_key": key, "message": message}

    async def new_key(self, wanted: NewKey) -> dict[str, Any]:
        if isinstance(wanted.cnpjs, str) and wanted.cnpjs != "all":
            raise BadRequest("cnpjs_unreadable")
        cnpjs = None if isinstance(wanted.cnpjs, str) else [self.cnpj(value) for value in wanted.cnpjs]
        return await self._create(cnpjs, wanted.expires_at)

    async def rotate(self, key_id: UUID) -> dict[str, Any]:
        row = await api_keys.find(self._database, key_id)
        if row is None or row["revoked_at"]:
            raise NotFound("key_unknown")
        return await self._create(None if row["scope"] == "all" else row["cnpjs"], row["expires_at"])

    async def _create(self, cnpjs: list[str] | None, expires_at: datetime | None) -> dict[str, Any]:
        key = generate_key()
        row = await api_keys.create(self._database, key, self._pepper, cnpjs, expires_at)
        assert row is not None  # a key just generated is nobody's
        return {"id": row["id"], "api_key": key, "hint": row["hint"], "cnpjs": "all" if cnpjs is None else cnpjs}

    async def revoke(self, key_id: UUID) -> dict[str, Any]:
        if not await api_keys.revoke(self._database, key_id):
            raise NotFound("key_unknown")
        return {"id": key_id, "revoked": True}

    async def decide(self, batch_id: UUID, decision: str) -> dict[str, Any]:
        act = self._decide.approve if decision == "approve" else self._decide.reject
        if not await act(batch_id):
            raise Conflict("nothing_held")
        return {"batch_id": batch_id, "decision": decision}

    async def cancel(self, batch_id: UUID) -> dict[str, Any]:
        totals = await self._decide.cancel(batch_id)
        if totals is None:
            raise Conflict("nothing_to_cancel")
        return {"batch_id": batch_id, "status": "CANCELLED"} | totals


def router(database: Database, decide: Decide, admin_only: Authenticate, pepper: bytes, verify_cnpj: bool) -> APIRouter:
    """The routes, each for the operator alone."""
    routes = APIRouter(dependencies=[Depends(admin_only)], tags=["admin"])
    admin = Admin(database, decide, pepper, verify_cnpj)
    _pharmacy_routes(routes, admin, database)
    _key_routes(routes, admin, database)
    routes.post("/v1/batches/{batch_id}/cancel", summary="Stop a batch; what was applied stands")(admin.cancel)

    @routes.post("/v1/batches/{batch_id}/deactivation", summary="Approve or reject a held deactivation")
    async def deactivation(batch_id: UUID, decision: Decision) -> dict[str, Any]:
        return await admin.decide(batch_id, decision.decision)

    @routes.get("/admin/tables/products", summary="PostgreSQL's counters of product rows written")
    async def written() -> Any:
        async with database.transaction() as connection:
            return await (await connection.execute(blocks("products")["written"])).fetchone()

    return routes


def _pharmacy_routes(routes: APIRouter, admin: Admin, database: Database) -> None:
    @routes.post("/admin/pharmacies/api-key", summary="A key of a pharmacy, named in body or query")
    async def key_by_body(chosen: ChosenKey | None = None, cnpj: str | None = None) -> dict[str, Any]:
        named = cnpj or (chosen.cnpj if chosen else None)
        if not named:
            raise BadRequest("cnpj_not_named")
        return await admin.pharmacy_key(named, chosen)

    @routes.post("/admin/pharmacies/{cnpj}/api-key", summary="A key of a pharmacy, which is made when new")
    async def key(cnpj: str, chosen: ChosenKey | None = None) -> dict[str, Any]:
        return await admin.pharmacy_key(cnpj, chosen)

    _pharmacy_records(routes, admin, database)


def _pharmacy_records(routes: APIRouter, admin: Admin, database: Database) -> None:
    @routes.get("/admin/pharmacies", summary="Pharmacies by CNPJ")
    async def page(limit: int = Query(50, ge=1, le=500), cursor: str = "") -> dict[str, Any]:
        items = await pharmacies.page(database, cursor, limit)
        return {"items": items, "next_cursor": items[-1]["cnpj"] if len(items) == limit else None}

    @routes.get("/admin/pharmacies/{cnpj}", summary="A pharmacy and its settings")
    async def show(cnpj: str) -> dict[str, Any]:
        found = await pharmacies.find(database, admin.cnpj(cnpj))
        if found is None:
            raise NotFound("pharmacy_unknown", cnpj=cnpj)
        return found

    @routes.put("/admin/pharmacies/{cnpj}", summary="Make a pharmacy known, or change its settings")
    async def put(cnpj: str, changes: PharmacyChanges) -> dict[str, Any] | None:
        known = admin.cnpj(cnpj)
        await pharmacies.find_or_create(database, known, changes.name or "")
        return await pharmacies.update(database, known, changes.model_dump())


def _key_routes(routes: APIRouter, admin: Admin, database: Database) -> None:
    @routes.get("/admin/keys", summary="Keys, newest first; never the keys themselves")
    async def keys() -> dict[str, Any]:
        return {"items": await api_keys.every(database)}

    routes.post("/admin/keys", summary="A key of several pharmacies, or of all")(admin.new_key)
    routes.post("/admin/keys/{key_id}/rotate", summary="A second key with the same reach")(admin.rotate)
    routes.delete("/admin/keys/{key_id}", summary="End a key at once")(admin.revoke)
