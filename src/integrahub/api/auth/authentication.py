"""Who asks: keys from the headers old and new clients use."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request

from integrahub.access.blocked_lookups import LookupLimit
from integrahub.access.rate_limiter import RateLimits
from integrahub.api.auth.failed_key_log import FailedKeyLog
from integrahub.api.timestamps import format_time
from integrahub.db.accounts import api_keys
from integrahub.db.accounts.rows import UnrevokedApiKey
from integrahub.db.database import Database
from integrahub.domain.api_keys import OPERATORS, PREFIX, Caller, Scope, count_key_characters, hash_key, parse_key_id
from integrahub.domain.errors import Forbidden, Unauthorized
from integrahub.resilience.rate_limit import client_network
from integrahub.resilience.single_flight import SingleFlight
from integrahub.resilience.ttl_cache import TtlCache

Authenticate = Callable[[Request], Awaitable[Caller]]
KEY_HEADERS = ("authorization", "x-api-key", "x-inova-api-key", "apikey", "api-key", "inova-api-key", "x-admin-api-key")
_CACHE_TTL_SECONDS = 2.0  # so a revoked key is refused by all processes after two seconds
_MAX_CACHED_KEYS = 10_000


def presented_key(request: Request) -> str:
    """The first non-empty key of the headers, or ''."""
    for name in KEY_HEADERS:
        value = request.headers.get(name, "").strip()
        if value[:7].lower() == "bearer ":
            value = value[7:].strip()
        if value:
            return value
    return ""


class ApiKeyAuthenticator:
    """Knows every key: the operator's, those of the settings, those of the table. Keeps hashes only."""

    def __init__(
        self, database: Database, pepper: bytes, operator: bytes, for_all: tuple[str, ...], limits: RateLimits
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._limits = limits
        self._set = [(operator, Caller(None, frozenset({Scope.ADMIN}), "operator"))]
        self._set += [(hash_key(key, pepper), Caller(None, name=f"setting {n}")) for n, key in enumerate(for_all, 1)]
        self._cache = TtlCache[bytes, Caller](_CACHE_TTL_SECONDS, _MAX_CACHED_KEYS)
        self._refused = FailedKeyLog()
        self._first_looks = LookupLimit()
        self._asked = SingleFlight[bytes, Caller | Unauthorized]()

    def require(self, scope: Scope) -> "ScopeCheck":
        """Return the check that a request's key has this scope."""
        return ScopeCheck(self, scope)

    async def caller(self, request: Request) -> Caller:
        """Return whose key a request carries, looked up once a request; Unauthorized when it is nobody's."""
        if "caller" not in request.scope:
            request.scope["caller"] = await self._caller(request)
        caller: Caller = request.scope["caller"]
        return caller

    def clear_cache(self) -> None:
        """Look up every key again, as after the revocation of one."""
        self._cache.clear()

    async def _caller(self, request: Request) -> Caller:
        key, address = presented_key(request), _address(request)
        if not key:
            raise Unauthorized("key_missing")
        digest = hash_key(key, self._pepper)
        equal = [caller for known, caller in self._set if hmac.compare_digest(digest, known)]
        if equal:
            return equal[0]
        if fresh := self._cache.get(digest):
            return fresh
        if digest in self._cache:
            return await self._judged(key, digest, address, is_blocked=False)
        if not self._limits.is_blocked(address):
            async with self._first_looks(client_network(address)):
                # Those before it may have been of the same key, or one too many.
                if fresh := self._cache.get(digest):
                    return fresh
                if not self._limits.is_blocked(address):
                    return await self._judged(key, digest, address, is_blocked=False)
        return await self._judged(key, digest, address, is_blocked=True)

    async def _judged(self, key: str, digest: bytes, address: str, *, is_blocked: bool) -> Caller:
        found = await self._looked_up(key, digest, address, is_blocked=is_blocked)
        if isinstance(found, Caller):
            return found
        self._cache.remove(digest)
        self._refused.note(address)
        if is_blocked:
            raise self._limits.too_many_keys(address)
        await self._limits.failed_key(address)
        raise found

    async def _looked_up(self, key: str, digest: bytes, address: str, *, is_blocked: bool) -> Caller | Unauthorized:
        """Return the key's caller from the table, or the refusal; requests that come together share one look-up."""
        if key.startswith(PREFIX) and parse_key_id(key) is None:
            length, expected = len(key), count_key_characters(key)
            return Unauthorized("key_malformed", length=length, expected=expected)

        async def look() -> Caller | Unauthorized:
            return await self._asked(digest, lambda: self._look_up(parse_key_id(key), digest))

        if not is_blocked:
            return await look()
        return await self._limits.second_look(address, look, is_chosen=not key.startswith(PREFIX))

    async def _look_up(self, public_id: str | None, digest: bytes) -> Caller | Unauthorized:
        row = await api_keys.find_unrevoked(self._database, public_id, digest)
        if row is None:
            return Unauthorized("key_invalid")
        if row.is_expired and row.expires_at:
            return Unauthorized("key_expired", expired_at=format_time(row.expires_at))
        caller = _caller_of(row)
        self._cache.put(digest, caller)
        return caller


class ScopeCheck:
    """The key of a request, for a route that asks for one scope: Unauthorized without a key, Forbidden without it."""

    def __init__(self, keys: ApiKeyAuthenticator, scope: Scope) -> None:
        self._keys = keys
        self._scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Return the caller; of operators' routes with the address, for the audit log."""
        caller = await self._keys.caller(request)
        request.scope["caller_name"] = caller.name  # for the log
        if not caller.can(self._scope):
            raise Forbidden("operator_only" if self._scope in OPERATORS else "scope_missing", scope=self._scope)
        return replace(caller, address=_address(request)) if self._scope in OPERATORS else caller


def _caller_of(row: UnrevokedApiKey) -> Caller:
    cnpjs = None if row.tenants == "all" else frozenset(row.cnpjs)
    return Caller(cnpjs, frozenset(row.scopes), f"key {row.public_id or row.id}", row.rate_limit, key_id=row.id)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
