"""Who asks: keys from the headers old and new clients use."""

import hmac
from collections.abc import Awaitable, Callable
from uuid import UUID

from starlette.requests import Request

from integrahub.db import api_keys
from integrahub.db.pool import Database
from integrahub.domain.errors import Forbidden, Unauthorized
from integrahub.domain.keys import Caller, key_hash

Authenticate = Callable[[Request], Awaitable[Caller]]
_HEADERS = ("authorization", "x-api-key", "x-inova-api-key", "apikey", "api-key", "inova-api-key", "x-admin-api-key")


def presented_key(request: Request) -> str:
    """The first non-empty key of the headers, or ''."""
    for name in _HEADERS:
        value = request.headers.get(name, "").strip()
        if value[:7].lower() == "bearer ":
            value = value[7:].strip()
        if value:
            return value
    return ""


class Keys:
    """Knows every key: the operator's, those of the settings, those of the table."""

    def __init__(self, database: Database, pepper: bytes, admin_key: str, for_all: tuple[str, ...]) -> None:
        self._database = database
        self._pepper = pepper
        self._admin = key_hash(admin_key, pepper)
        self._for_all = [key_hash(key, pepper) for key in for_all]

    async def caller(self, request: Request) -> Caller:
        """Whose key it is; Unauthorized when it is nobody's."""
        key = presented_key(request)
        if not key:
            raise Unauthorized("key_refused")
        digest = key_hash(key, self._pepper)
        if hmac.compare_digest(digest, self._admin):
            return Caller(None, is_admin=True)
        if any(hmac.compare_digest(digest, known) for known in self._for_all):
            return Caller(None)
        row = await api_keys.find_live(self._database, digest)
        if row is None:
            raise Unauthorized("key_refused")
        return Caller(None if row["scope"] == "all" else frozenset(row["cnpjs"]), key_id=_text(row["id"]))

    async def admin(self, request: Request) -> Caller:
        """The operator; Forbidden for every other key."""
        caller = await self.caller(request)
        if not caller.is_admin:
            raise Forbidden("operator_only")
        return caller


def _text(key_id: UUID) -> str:
    return str(key_id)
