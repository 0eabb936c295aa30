"""Authentication: find the caller of a request by the API key in its headers."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request

from integrahub.access.blocked_lookups import LookupLimit
from integrahub.access.rate_limiter import RateLimits
from integrahub.api.auth.failed_key_log import FailedKeyLog
from integrahub.db.accounts import api_keys
from integrahub.db.accounts.rows import UnrevokedApiKey
from integrahub.db.database import Database
from integrahub.domain.api_keys import OPERATORS, PREFIX, Caller, Scope, count_key_characters, hash_key, parse_key_id
from integrahub.domain.errors import Forbidden, Unauthorized
from integrahub.domain.views.timestamps import format_time
from integrahub.resilience.rate_limit import client_network
from integrahub.resilience.single_flight import SingleFlight
from integrahub.resilience.ttl_cache import TtlCache

Authenticate = Callable[[Request], Awaitable[Caller]]
KEY_HEADERS = ("authorization", "x-api-key", "x-inova-api-key", "apikey", "api-key", "inova-api-key", "x-admin-api-key")
_KEY_CACHE_TTL_SECONDS = 2.0  # so a revoked key is refused by all processes after two seconds
_MAX_CACHED_KEYS = 10_000


def presented_key(request: Request) -> str:
    """Return the first non-empty key in the headers, or ''."""
    for name in KEY_HEADERS:
        if key := strip_scheme(request.headers.get(name, "")):
            return key
    return ""


def strip_scheme(value: str) -> str:
    """Return the key in a header: its value without blanks and without the scheme `Bearer`."""
    value = value.strip()
    return value[7:].strip() if value[:7].lower() == "bearer " else value


class ApiKeyAuthenticator:
    """Identify callers by key: the operator's key, keys of the settings, and keys of the table. Only hashes are kept.

    `for_all` are the keys of the settings, which are for all pharmacies.
    """

    def __init__(
        self, database: Database, pepper: bytes, operator: bytes, for_all: tuple[str, ...], limits: RateLimits
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._limits = limits
        self._configured = [(operator, Caller(None, frozenset({Scope.ADMIN}), "operator"))]
        self._configured += [
            (hash_key(key, pepper), Caller(None, name=f"setting {number}")) for number, key in enumerate(for_all, 1)
        ]
        self._cache = TtlCache[bytes, Caller](_KEY_CACHE_TTL_SECONDS, _MAX_CACHED_KEYS)
        self._failed_keys = FailedKeyLog()
        self._lookup_limit = LookupLimit()
        self._single_flight = SingleFlight[bytes, Caller | Unauthorized]()

    def require(self, scope: Scope, *others: Scope, audited: bool = False) -> "ScopeCheck":
        """Return the check that the key of a request has this scope, or one of the others.

        On operators' routes, and if `audited`, the caller has its network address, for the audit log.
        """
        return ScopeCheck(self, (scope, *others), with_address=audited or scope in OPERATORS)

    async def authenticate(self, request: Request) -> Caller:
        """Return the caller of a request, looked up once per request. Raise Unauthorized if the key is not valid."""
        if "caller" not in request.scope:
            request.scope["caller"] = await self._authenticate(request)
        caller: Caller = request.scope["caller"]
        return caller

    def clear_cache(self) -> None:
        """Make the next request of each key look it up again, as after a revocation."""
        self._cache.clear()

    async def _authenticate(self, request: Request) -> Caller:
        key, address = presented_key(request), _address(request)
        if not key:
            raise Unauthorized("key_missing")
        digest = hash_key(key, self._pepper)
        if known := self._find_known(digest):
            return known
        if digest in self._cache:  # expired, but the key was valid: no block of the network applies
            return await self._check(key, digest, address, is_blocked=False)
        if not self._limits.is_blocked(address):
            async with self._lookup_limit(client_network(address)):
                # A request before this one may have cached the same key, or have blocked the network.
                if cached := self._cache.get(digest):
                    return cached
                if not self._limits.is_blocked(address):
                    return await self._check(key, digest, address, is_blocked=False)
        return await self._check(key, digest, address, is_blocked=True)

    def find_cached(self, key: str) -> Caller | None:
        """Return the caller of a key of the settings, or of one whose cached row has not expired; None for others."""
        return self._find_known(hash_key(key, self._pepper)) if key else None

    def _find_known(self, digest: bytes) -> Caller | None:
        for known, caller in self._configured:
            if hmac.compare_digest(digest, known):
                return caller
        return self._cache.get(digest)

    async def _check(self, key: str, digest: bytes, address: str, *, is_blocked: bool) -> Caller:
        """Return the caller of an uncached key. Count and log a wrong key, and raise its error."""
        result = await self._find(key, digest, address, is_blocked=is_blocked)
        if isinstance(result, Caller):
            return result
        self._cache.remove(digest)
        self._failed_keys.record(address)
        if is_blocked:
            raise self._limits.blocked_error(address)
        await self._limits.hit_failed_key(address)
        raise result

    async def _find(self, key: str, digest: bytes, address: str, *, is_blocked: bool) -> Caller | Unauthorized:
        """Return the caller of a key, or why the key is not valid. Concurrent requests share one look-up."""
        if key.startswith(PREFIX) and parse_key_id(key) is None:
            return Unauthorized("key_malformed", length=len(key), expected=count_key_characters(key))

        async def look_up() -> Caller | Unauthorized:
            return await self._single_flight(digest, lambda: self._look_up(parse_key_id(key), digest))

        if not is_blocked:
            return await look_up()
        return await self._limits.look_up_blocked(address, look_up, is_chosen=not key.startswith(PREFIX))

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
    """Dependency of a route that requires one of some scopes: 401 without a valid key, 403 if the key has none."""

    def __init__(self, authenticator: ApiKeyAuthenticator, scopes: tuple[Scope, ...], *, with_address: bool) -> None:
        self._authenticator = authenticator
        self._scopes = scopes
        self._with_address = with_address

    async def __call__(self, request: Request) -> Caller:
        """Return the caller."""
        caller = await self._authenticator.authenticate(request)
        request.scope["caller_name"] = caller.name  # for the log
        if not any(map(caller.can, self._scopes)):
            scope = self._scopes[0]
            raise Forbidden("operator_only" if scope in OPERATORS else "scope_missing", scope=scope)
        return replace(caller, address=_address(request)) if self._with_address else caller

    def find_cached(self, key: str) -> Caller | None:
        """Return the caller if the key is cached and has a scope, so that calling this would not wait or raise."""
        caller = self._authenticator.find_cached(key)
        return caller if caller and not self._with_address and any(map(caller.can, self._scopes)) else None


def _caller_of(row: UnrevokedApiKey) -> Caller:
    cnpjs = None if row.tenants == "all" else frozenset(row.cnpjs)
    name = f"key {row.public_id or row.id}"
    return Caller(cnpjs, frozenset(row.scopes), name, row.rate_limit, key_id=row.id, key_family=row.family)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
