"""The operator's routes over keys: made, rotated, ended; each is shown once and stored as a hash."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from integrahub.access.audit import Audit
from integrahub.api.auth.authentication import ApiKeyAuthenticator
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.language import AnswerLanguage
from integrahub.api.routes.pharmacies import RateText, readable_cnpj
from integrahub.api.unknown_names import StrictModel, add_notice
from integrahub.db.accounts import api_keys, pharmacies
from integrahub.db.accounts.api_keys import Grant
from integrahub.db.database import Database
from integrahub.domain.api_keys import CLIENT, OPERATORS, PREFIX, Caller, Scope
from integrahub.domain.chosen_keys import SHORTEST, is_sendable, is_weak, unsendable_characters
from integrahub.domain.errors import BadRequest, Conflict, NotFound
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import render_message

Row = dict[str, Any]


class ChosenApiKey(BaseModel):
    """A key chosen by the operator, for migrations; absent: generated. Unknown members are ignored and named."""

    model_config = ConfigDict(extra="allow")

    key: str | None = Field(None, min_length=1, max_length=512)
    cnpj: str | None = None


class ApiKeyRequest(StrictModel):
    """The pharmacies a key is for, or "all"; what it may do; when it ends; a limit of its own."""

    cnpjs: Annotated[list[str], Field(min_length=1, max_length=3_500)] | Literal["all"]
    scopes: list[Scope] = Field(default_factory=lambda: sorted(CLIENT), min_length=1)
    expires_at: datetime | None = None
    rate_limit: RateText | None = None


class RotateKey(StrictModel):
    """When the older key ends by itself; absent: it lives until it is revoked."""

    old_ends_in_hours: int | None = Field(None, ge=0, le=24 * 365)


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What the settings say of new keys."""

    verify_cnpj: bool = True
    allow_weak: bool = False

    def check(self, chosen: str) -> None:
        """BadRequest for a chosen key that is the hub's own kind, that no client can send, or that is easy to guess."""
        if chosen.startswith(PREFIX):
            raise BadRequest("key_reserved")
        if not is_sendable(chosen):
            raise BadRequest("key_unsendable", characters=unsendable_characters(chosen))
        if is_weak(chosen) and not self.allow_weak:
            raise BadRequest("key_weak", least=SHORTEST)


class ApiKeyAdmin:
    """Makes and ends keys, each act noted."""

    def __init__(
        self, database: Database, known: ApiKeyAuthenticator, audit: Audit, pepper: bytes, rules: KeyRules
    ) -> None:
        self._database = database
        self._known = known
        self._audit = audit
        self._pepper = pepper
        self._rules = rules

    async def of_pharmacy(self, caller: Caller, cnpj: str, chosen: ChosenApiKey | None) -> Row:
        """A key of one pharmacy, which is made when new."""
        known, key = readable_cnpj(cnpj, self._rules.verify_cnpj), chosen.key if chosen else None
        if key is not None:
            self._rules.check(key)
        name = (await self._pharmacy(caller, known))["name"]
        async with self._audit.action(caller, "key.create", known) as entry:
            made, row = await self._made(key, Grant([known]))
            entry.after = row
        return {"cnpj": known, "name": name, "api_key": made}

    async def _pharmacy(self, caller: Caller, cnpj: str) -> Row:
        """The pharmacy; making it is an act with an entry of its own."""
        if found := await pharmacies.find(self._database, cnpj):
            return found
        async with self._audit.action(caller, "pharmacy.put", cnpj) as entry:
            entry.after = made = await pharmacies.find_or_create(self._database, cnpj, "")
        return made

    async def _made(self, chosen: str | None, grant: Grant) -> tuple[str, Row]:
        if chosen is None:
            return await api_keys.create(self._database, self._pepper, grant)
        row = await api_keys.keep_chosen(self._database, self._pepper, chosen, grant)
        if row is None:
            raise Conflict("key_taken")
        return chosen, row

    async def create(self, caller: Caller, wanted: ApiKeyRequest) -> Row:
        """A key of several pharmacies or all, or an operator's."""
        grant = Grant(self._cnpjs(wanted), frozenset(wanted.scopes), wanted.expires_at, wanted.rate_limit)
        _check_scopes(grant)
        if grant.expires_at and grant.expires_at.astimezone(UTC) <= datetime.now(UTC):
            raise BadRequest("key_expiry_past", expires_at=grant.expires_at.isoformat())
        return await self._create(caller, "key.create", grant)

    async def rotate(self, caller: Caller, key_id: UUID, rotation: RotateKey | None) -> Row:
        """A second key with the same reach; both live until the first ends."""
        old = await self._live(key_id)
        grant = replace(_grant_of(old), replaces=key_id)
        async with self._audit.action(caller, "key.rotate", str(key_id), old) as entry:
            key, row = await api_keys.create(self._database, self._pepper, grant)
            if rotation and rotation.old_ends_in_hours is not None:
                await api_keys.end_within(self._database, key_id, rotation.old_ends_in_hours)
                self._known.forget()
            entry.after = {"key": row, "old": await api_keys.find(self._database, key_id)}
        return _made_known(key, row, grant)

    async def revoke(self, caller: Caller, key_id: UUID) -> Row:
        """End a key: here at once, in other processes within two seconds."""
        before = await self._live(key_id)
        async with self._audit.action(caller, "key.revoke", str(key_id), before) as entry:
            if not await api_keys.revoke(self._database, key_id):
                raise NotFound("key_not_found")
            self._known.forget()
            entry.after = await api_keys.find(self._database, key_id)
        return {"id": key_id, "revoked": True}

    async def _live(self, key_id: UUID) -> Row:
        row = await api_keys.find(self._database, key_id)
        if row is None or row["revoked_at"] or (row["expires_at"] and row["expires_at"] <= datetime.now(UTC)):
            raise NotFound("key_not_found")
        return row

    async def _create(self, caller: Caller, action: str, grant: Grant) -> Row:
        async with self._audit.action(caller, action, "") as entry:
            key, row = await api_keys.create(self._database, self._pepper, grant)
            entry.after = row
        return _made_known(key, row, grant)

    def _cnpjs(self, wanted: ApiKeyRequest) -> list[str] | None:
        verify = self._rules.verify_cnpj
        return None if isinstance(wanted.cnpjs, str) else [readable_cnpj(value, verify) for value in wanted.cnpjs]


def _made_known(key: str, row: Row, grant: Grant) -> Row:
    shown = {name: row[name] for name in ("id", "hint", "scopes", "expires_at", "rate_limit")}
    return shown | {"api_key": key, "cnpjs": "all" if grant.cnpjs is None else grant.cnpjs}


def _grant_of(row: Row) -> Grant:
    cnpjs = None if row["tenants"] == "all" else row["cnpjs"]
    return Grant(cnpjs, frozenset(map(Scope, row["scopes"])), row["expires_at"], row["rate_limit"])


def _check_scopes(grant: Grant) -> None:
    operators = grant.scopes & OPERATORS
    if operators and (len(grant.scopes) > 1 or grant.cnpjs is not None):
        raise BadRequest("scopes_unfit", scopes=", ".join(sorted(grant.scopes)))


def router(database: Database, known: ApiKeyAuthenticator, audit: Audit, pepper: bytes, rules: KeyRules) -> APIRouter:
    """The routes: the list for a viewer, the rest for an admin."""
    routes = AuthenticatedRouter(tags=["admin"])
    desk = ApiKeyAdmin(database, known, audit, pepper, rules)

    @routes.get("/admin/keys", summary="Keys, newest first; never the keys themselves")
    async def keys(_: Annotated[Caller, Depends(known.require(Scope.VIEWER))]) -> Row:
        return {"items": await api_keys.every(database)}

    _key_routes(routes, desk, known)
    _pharmacy_key_routes(routes, desk, known)
    return routes


def _key_routes(routes: APIRouter, desk: ApiKeyAdmin, known: ApiKeyAuthenticator) -> None:
    Admin = Annotated[Caller, Depends(known.require(Scope.ADMIN))]

    @routes.post("/admin/keys", summary="A key of several pharmacies or of all, or an operator's")
    async def create(wanted: ApiKeyRequest, caller: Admin, language: AnswerLanguage) -> Row:
        return _shown(await desk.create(caller, wanted), language)

    @routes.post("/admin/keys/{key_id}/rotate", summary="A second key with the same reach; both live")
    async def rotate(key_id: UUID, caller: Admin, language: AnswerLanguage, rotation: RotateKey | None = None) -> Row:
        return _shown(await desk.rotate(caller, key_id, rotation), language)

    @routes.delete("/admin/keys/{key_id}", summary="End a key at once")
    async def revoke(key_id: UUID, caller: Admin) -> Row:
        return await desk.revoke(caller, key_id)


def _pharmacy_key_routes(routes: APIRouter, desk: ApiKeyAdmin, known: ApiKeyAuthenticator) -> None:
    Admin = Annotated[Caller, Depends(known.require(Scope.ADMIN))]

    @routes.post("/admin/pharmacies/api-key", summary="A key of a pharmacy, named in body or query")
    async def by_body(
        caller: Admin,
        language: AnswerLanguage,
        response: Response,
        chosen: ChosenApiKey | None = None,
        cnpj: str | None = None,
    ) -> Row:
        _name_ignored(chosen, response)
        named = cnpj or (chosen.cnpj if chosen else None)
        if not named:
            raise BadRequest("cnpj_not_named")
        return _shown(await desk.of_pharmacy(caller, named, chosen), language)

    @routes.post("/admin/pharmacies/{cnpj}/api-key", summary="A key of a pharmacy, which is made when new")
    async def by_path(
        cnpj: str, caller: Admin, language: AnswerLanguage, response: Response, chosen: ChosenApiKey | None = None
    ) -> Row:
        _name_ignored(chosen, response)
        return _shown(await desk.of_pharmacy(caller, cnpj, chosen), language)


def _name_ignored(chosen: ChosenApiKey | None, response: Response) -> None:
    add_notice(response, "members", (chosen.model_extra or {}) if chosen else {})


def _shown(made: Row, language: Language) -> Row:
    return made | {"message": render_message("key_shown_once", {}).in_language(language)}
