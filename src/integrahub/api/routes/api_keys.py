"""Operators' routes of API keys: list, create, rotate and revoke."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from integrahub.access.api_key_admin import ApiKeyAdmin
from integrahub.api.auth.authentication import ApiKeyAuthenticator
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.cnpj import ParseCnpj, read_cnpj
from integrahub.api.language import AnswerLanguage
from integrahub.api.models.api_keys import ApiKeyAnswer, ApiKeyList, NewApiKey, PharmacyApiKey, RevokedApiKey
from integrahub.api.routes.pharmacies import RateText
from integrahub.api.unknown_names import StrictModel, add_ignored_notice
from integrahub.db.accounts.api_keys import Grant
from integrahub.db.accounts.rows import ApiKey
from integrahub.domain.api_keys import CLIENT, Caller, Scope
from integrahub.domain.errors import BadRequest
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


class ApiKeyRoutes:
    """What the routes of API keys order, and their answers."""

    def __init__(self, admin: ApiKeyAdmin, parse: ParseCnpj) -> None:
        self._admin = admin
        self._parse = parse

    async def list_all(self) -> ApiKeyList:
        """Return all keys, newest first."""
        return ApiKeyList(items=[ApiKeyAnswer.model_validate(row) for row in await self._admin.list_all()])

    async def create_for_pharmacy(
        self, caller: Caller, cnpj: str, chosen: ChosenApiKey | None, language: Language
    ) -> PharmacyApiKey:
        """Create a key of one pharmacy, which is registered if it is new."""
        stored_cnpj = read_cnpj(cnpj, self._parse)
        name, api_key = await self._admin.create_for_pharmacy(caller, stored_cnpj, chosen.key if chosen else None)
        return PharmacyApiKey(cnpj=stored_cnpj, name=name, api_key=api_key, message=_shown_once(language))

    async def create(self, caller: Caller, request: ApiKeyRequest, language: Language) -> NewApiKey:
        """Create a key of several pharmacies or all, or an operator's key."""
        cnpjs = None if isinstance(request.cnpjs, str) else [read_cnpj(cnpj, self._parse) for cnpj in request.cnpjs]
        grant = Grant(cnpjs, frozenset(request.scopes), request.expires_at, request.rate_limit)
        return _to_new_key(*await self._admin.create(caller, grant), language)

    async def rotate(self, caller: Caller, key_id: UUID, rotation: RotateKey | None, language: Language) -> NewApiKey:
        """Create a second key with the same pharmacies and scopes."""
        hours = rotation.old_ends_in_hours if rotation else None
        return _to_new_key(*await self._admin.rotate(caller, key_id, hours), language)

    async def revoke(self, caller: Caller, key_id: UUID) -> RevokedApiKey:
        """Revoke a key."""
        await self._admin.revoke(caller, key_id)
        return RevokedApiKey(id=key_id, revoked=True)


def _to_new_key(api_key: str, row: ApiKey, language: Language) -> NewApiKey:
    return NewApiKey(
        id=row.id,
        hint=row.hint,
        scopes=row.scopes,
        expires_at=row.expires_at,
        rate_limit=row.rate_limit,
        api_key=api_key,
        cnpjs="all" if row.tenants == "all" else row.cnpjs,
        message=_shown_once(language),
    )


def _shown_once(language: Language) -> str:
    return render_message("key_shown_once", {}).in_language(language)


def router(key_routes: ApiKeyRoutes, authenticator: ApiKeyAuthenticator) -> APIRouter:
    """Return the routes: the list requires a viewer's key, all others an admin's."""
    routes = AuthenticatedRouter(tags=["admin"])

    @routes.get("/admin/keys", summary="Keys, newest first, without their secrets")
    async def keys(_: Annotated[Caller, Depends(authenticator.require(Scope.VIEWER))]) -> ApiKeyList:
        return await key_routes.list_all()

    _add_key_routes(routes, key_routes, authenticator)
    _add_pharmacy_key_routes(routes, key_routes, authenticator)
    return routes


def _add_key_routes(routes: APIRouter, key_routes: ApiKeyRoutes, authenticator: ApiKeyAuthenticator) -> None:
    Admin = Annotated[Caller, Depends(authenticator.require(Scope.ADMIN))]

    @routes.post("/admin/keys", summary="Create a key of several pharmacies or of all, or an operator's")
    async def create(request: ApiKeyRequest, caller: Admin, language: AnswerLanguage) -> NewApiKey:
        return await key_routes.create(caller, request, language)

    @routes.post("/admin/keys/{key_id}/rotate", summary="Create a second key with the same pharmacies and scopes")
    async def rotate(
        key_id: UUID, caller: Admin, language: AnswerLanguage, rotation: RotateKey | None = None
    ) -> NewApiKey:
        return await key_routes.rotate(caller, key_id, rotation, language)

    @routes.delete("/admin/keys/{key_id}", summary="Revoke a key")
    async def revoke(key_id: UUID, caller: Admin) -> RevokedApiKey:
        return await key_routes.revoke(caller, key_id)


def _add_pharmacy_key_routes(routes: APIRouter, key_routes: ApiKeyRoutes, authenticator: ApiKeyAuthenticator) -> None:
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
        return await key_routes.create_for_pharmacy(caller, named, chosen, language)

    @routes.post("/admin/pharmacies/{cnpj}/api-key", summary="Create a key of a pharmacy, registered if new")
    async def create_by_path(
        cnpj: str, caller: Admin, language: AnswerLanguage, response: Response, chosen: ChosenApiKey | None = None
    ) -> PharmacyApiKey:
        _notice_ignored(chosen, response)
        return await key_routes.create_for_pharmacy(caller, cnpj, chosen, language)


def _notice_ignored(chosen: ChosenApiKey | None, response: Response) -> None:
    add_ignored_notice(response, "members", (chosen.model_extra or {}) if chosen else {})
