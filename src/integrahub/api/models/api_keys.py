"""Answers of the routes of API keys."""

from typing import Literal
from uuid import UUID

from integrahub.api.models.base import Answer, Timestamp
from integrahub.domain.api_keys import Scope


class ApiKeyAnswer(Answer):
    """An API key without its secret. `hint` is the part of the key that is stored in clear."""

    id: UUID
    hint: str
    tenants: Literal["pharmacies", "all"]
    cnpjs: list[str]
    scopes: list[Scope]
    rate_limit: str | None
    replaces: UUID | None
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None
    weak: bool


class ApiKeyList(Answer):
    """All keys, newest first."""

    items: list[ApiKeyAnswer]


class NewApiKey(Answer):
    """A new key. `api_key` is the key itself, which is shown only in this answer."""

    id: UUID
    hint: str
    scopes: list[Scope]
    expires_at: Timestamp | None
    rate_limit: str | None
    api_key: str
    cnpjs: list[str] | Literal["all"]
    message: str


class PharmacyApiKey(Answer):
    """A new key of one pharmacy. `api_key` is the key itself, which is shown only in this answer."""

    cnpj: str
    name: str
    api_key: str
    message: str


class RevokedApiKey(Answer):
    """A key that was revoked."""

    id: UUID
    revoked: Literal[True]
