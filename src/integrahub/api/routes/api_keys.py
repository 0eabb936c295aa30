"""Operators' routes of API keys: list, create, rotate and revoke."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from integrahub.access.audit import Audit
from integrahub.api.auth.authentication import ApiKeyAuthenticator
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cnpj import ParseCnpj, read_cnpj
from integrahub.api.language import AnswerLanguage
from integrahub.api.models.api_keys import ApiKeyAnswer, ApiKeyList, NewApiKey, PharmacyApiKey, RevokedApiKey
from integrahub.api.routes.pharmacies import RateText
from integrahub.api.unknown_names import StrictModel, add_ignored_notice
from integrahub.db.accounts import api_keys, pharmacies
from integrahub.db.accounts.api_keys import Grant
from integrahub.db.accounts.rows import ApiKey, Pharmacy
from integrahub.db.database import Database
from integrahub.domain.api_keys import CLIENT, OPERATORS, PREFIX, Caller, Scope
from integrahub.domain.chosen_keys import MIN_KEY_LENGTH, is_sendable, is_weak, list_unsendable_characters
from integrahub.domain.errors import BadRequest, Conflict, NotFound
from integrahub.domain.languages import Language
from integrahub.domain.messages.catalog import render_message


class ChosenApiKey(BaseModel):
    """A key that the operator chose, for migrations; without `key` one is generated. Other members are ignored."""

    model_config = ConfigDict(extra="allow")

    key: str | None = Field(None, min_length=1, max_length=512)
    cnpj: str | None = None


class ApiKeyRequest(StrictModel):
    """The pharmacies of a new key, or "all", its scopes, its expiry and its own rate limit."""

    cnpjs: Annotated[list[str], Field(min_length=1, max_length=3_500)] | Literal["all"]
    scopes: list[Scope] = Field(default_factory=lambda: sorted(CLIENT), min_length=1)
    expires_at: datetime | None = None
    rate_limit: RateText | None = None


class RotateKey(StrictModel):
    """In how many hours the old key expires; if absent, it stays active until it is revoked."""

    old_ends_in_hours: int | None = Field(None, ge=0, le=24 * 365, strict=True)


@dataclass(frozen=True, slots=True)
class ApiKeyRules:
    """How CNPJs of new keys are parsed, and whether chosen keys may be weak."""

    parse_cnpj: ParseCnpj
    allow_weak: bool = False

    def check(self, chosen: str) -> None:
        """Raise BadRequest if a chosen key has the hub's prefix, cannot be sent in a header, or is easy to guess."""
        if chosen.startswith(PREFIX):
            raise BadRequest("key_reserved")
        if not is_sendable(chosen):
            raise BadRequest("key_unsendable", characters=list_unsendable_characters(chosen))
        if is_weak(chosen) and not self.allow_weak:
            raise BadRequest("key_weak", least=MIN_KEY_LENGTH)


class ApiKeyAdmin:
    """Create, rotate and revoke keys, each with an audit entry."""

    def __init__(
        self, database: Database, authenticator: ApiKeyAuthenticator, audit: Audit, pepper: bytes, rules: ApiKeyRules
    ) -> None:
        self._database = database
        self._authenticator = authenticator
        self._audit = audit
        self._pepper = pepper
        self._rules = rules

    async def list_all(self) -> ApiKeyList:
        """Return all keys, newest first."""
        return ApiKeyList(items=[ApiKeyAnswer.model_validate(row) for row in await api_keys.list_all(self._database)])

    async def create_for_pharmacy(
        self, caller: Caller, cnpj: str, chosen: ChosenApiKey | None, language: Language
    ) -> PharmacyApiKey:
        """Create a key of one pharmacy, which is registered if it is new."""
        stored_cnpj, key = read_cnpj(cnpj, self._rules.parse_cnpj), chosen.key if chosen else None
        if key is not None:
            self._rules.check(key)
        name = (await self._find_or_register(caller, stored_cnpj)).name
        async with self._audit.action(caller, "key.create", stored_cnpj) as context:
            api_key, context.after = await self._store(key, Grant([stored_cnpj]))
        return PharmacyApiKey(cnpj=stored_cnpj, name=name, api_key=api_key, message=_shown_once(language))

    async def create(self, caller: Caller, request: ApiKeyRequest, language: Language) -> NewApiKey:
        """Create a key of several pharmacies or all, or an operator's key."""
        grant = Grant(self._parse_cnpjs(request), frozenset(request.scopes), request.expires_at, request.rate_limit)
        _check_scopes(grant)
        if grant.expires_at and grant.expires_at.astimezone(UTC) <= datetime.now(UTC):
            raise BadRequest("key_expiry_past", expires_at=grant.expires_at.isoformat())
        async with self._audit.action(caller, "key.create", "") as context:
            api_key, row = await api_keys.create(self._database, self._pepper, grant)
            context.after = row
        return _to_new_key(api_key, row, grant, language)

    async def rotate(self, caller: Caller, key_id: UUID, rotation: RotateKey | None, language: Language) -> NewApiKey:
        """Create a second key with the same pharmacies and scopes. Both are active until the old one ends."""
        old = await self._find_active(key_id)
        grant = replace(_grant_of(old), replaces=key_id)
        async with self._audit.action(caller, "key.rotate", str(key_id), old) as context:
            api_key, row = await api_keys.create(self._database, self._pepper, grant)
            if rotation and rotation.old_ends_in_hours is not None:
                await api_keys.expire_within(self._database, key_id, rotation.old_ends_in_hours)
                self._authenticator.clear_cache()
            context.after = {"key": row, "old": await api_keys.find(self._database, key_id)}
        return _to_new_key(api_key, row, grant, language)

    async def revoke(self, caller: Caller, key_id: UUID) -> RevokedApiKey:
        """Revoke a key: in this process at once, in other processes within two seconds."""
        before = await self._find_active(key_id)
        async with self._audit.action(caller, "key.revoke", str(key_id), before) as context:
            if not await api_keys.revoke(self._database, key_id):
                raise NotFound("key_not_found")
            self._authenticator.clear_cache()
            context.after = await api_keys.find(self._database, key_id)
        return RevokedApiKey(id=key_id, revoked=True)

    async def _find_or_register(self, caller: Caller, cnpj: str) -> Pharmacy:
        # The audit log has a separate entry for the registration.
        if pharmacy := await pharmacies.find(self._database, cnpj):
            return pharmacy
        async with self._audit.action(caller, "pharmacy.put", cnpj) as context:
            context.after = pharmacy = await pharmacies.find_or_create(self._database, cnpj, "")
        return pharmacy

    async def _store(self, chosen: str | None, grant: Grant) -> tuple[str, ApiKey]:
        if chosen is None:
            return await api_keys.create(self._database, self._pepper, grant)
        row = await api_keys.store_chosen(self._database, self._pepper, chosen, grant)
        if row is None:
            raise Conflict("key_taken")
        return chosen, row

    async def _find_active(self, key_id: UUID) -> ApiKey:
        row = await api_keys.find(self._database, key_id)
        if row is None or row.revoked_at or (row.expires_at and row.expires_at <= datetime.now(UTC)):
            raise NotFound("key_not_found")
        return row

    def _parse_cnpjs(self, request: ApiKeyRequest) -> list[str] | None:
        if isinstance(request.cnpjs, str):
            return None
        return [read_cnpj(cnpj, self._rules.parse_cnpj) for cnpj in request.cnpjs]


def _to_new_key(api_key: str, row: ApiKey, grant: Grant, language: Language) -> NewApiKey:
    return NewApiKey(
        id=row.id,
        hint=row.hint,
        scopes=row.scopes,
        expires_at=row.expires_at,
        rate_limit=row.rate_limit,
        api_key=api_key,
        cnpjs="all" if grant.cnpjs is None else grant.cnpjs,
        message=_shown_once(language),
    )


def _shown_once(language: Language) -> str:
    return render_message("key_shown_once", {}).in_language(language)


def _grant_of(row: ApiKey) -> Grant:
    cnpjs = None if row.tenants == "all" else row.cnpjs
    return Grant(cnpjs, frozenset(row.scopes), row.expires_at, row.rate_limit)


def _check_scopes(grant: Grant) -> None:
    operators = grant.scopes & OPERATORS
    if operators and (len(grant.scopes) > 1 or grant.cnpjs is not None):
        raise BadRequest("scopes_unfit", scopes=", ".join(sorted(grant.scopes)))


def router(admin: ApiKeyAdmin, authenticator: ApiKeyAuthenticator) -> APIRouter:
    """Return the routes: the list requires a viewer's key, all others an admin's."""
    routes = AuthenticatedRouter(tags=["admin"])

    @routes.get("/admin/keys", summary="Keys, newest first, without their secrets")
    async def keys(_: Annotated[Caller, Depends(authenticator.require(Scope.VIEWER))]) -> ApiKeyList:
        return await admin.list_all()

    _add_key_routes(routes, admin, authenticator)
    _add_pharmacy_key_routes(routes, admin, authenticator)
    return routes


def _add_key_routes(routes: APIRouter, admin: ApiKeyAdmin, authenticator: ApiKeyAuthenticator) -> None:
    Admin = Annotated[Caller, Depends(authenticator.require(Scope.ADMIN))]

    @routes.post("/admin/keys", summary="Create a key of several pharmacies or of all, or an operator's")
    async def create(request: ApiKeyRequest, caller: Admin, language: AnswerLanguage) -> NewApiKey:
        return await admin.create(caller, request, language)

    @routes.post("/admin/keys/{key_id}/rotate", summary="Create a second key with the same pharmacies and scopes")
    async def rotate(
        key_id: UUID, caller: Admin, language: AnswerLanguage, rotation: RotateKey | None = None
    ) -> NewApiKey:
        return await admin.rotate(caller, key_id, rotation, language)

    @routes.delete("/admin/keys/{key_id}", summary="Revoke a key")
    async def revoke(key_id: UUID, caller: Admin) -> RevokedApiKey:
        return await admin.revoke(caller, key_id)


def _add_pharmacy_key_routes(routes: APIRouter, admin: ApiKeyAdmin, authenticator: ApiKeyAuthenticator) -> None:
    Admin = Annotated[Caller, Depends(authenticator.require(Scope.ADMIN))]

    @routes.post("/admin/pharmacies/api-key", summary="Create a key of a pharmacy, named in body or query")
    async def create_by_body(
        caller: Admin,
        language: AnswerLanguage,
        response: Response,
        chosen: ChosenApiKey | None = None,
        cnpj: str | None = None,
    ) -> PharmacyApiKey:
        _notice_ignored(chosen, response)
        named = cnpj or (chosen.cnpj if chosen else None)
        if not named:
            raise BadRequest("cnpj_not_named")
        return await admin.create_for_pharmacy(caller, named, chosen, language)

    @routes.post("/admin/pharmacies/{cnpj}/api-key", summary="Create a key of a pharmacy, registered if new")
    async def create_by_path(
        cnpj: str, caller: Admin, language: AnswerLanguage, response: Response, chosen: ChosenApiKey | None = None
    ) -> PharmacyApiKey:
        _notice_ignored(chosen, response)
        return await admin.create_for_pharmacy(caller, cnpj, chosen, language)


def _notice_ignored(chosen: ChosenApiKey | None, response: Response) -> None:
    add_ignored_notice(response, "members", (chosen.model_extra or {}) if chosen else {})
