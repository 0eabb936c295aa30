"""Pharmacies as posts find them: remembered for a while, and made when new as far as their key may."""

from typing import NamedTuple

from integrahub.access.rate_limiter import RateLimiter, raise_if_limited
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.database import Database
from integrahub.db.tenancy import TenantContext
from integrahub.domain.api_keys import Caller, Scope
from integrahub.domain.dialects.base import FirstRecord
from integrahub.domain.errors import Forbidden
from integrahub.resilience.rate_limit import RateLimit
from integrahub.resilience.single_flight import SingleFlight
from integrahub.resilience.ttl_cache import TtlCache
from integrahub.telemetry.metrics.catalogue import PHARMACIES_CREATED

_CACHE_TTL_SECONDS = 5.0
_MAX_CACHED_PHARMACIES = 100_000


class PharmacyCreation(NamedTuple):
    """Whether a key for all pharmacies may make new ones by posting, and how many (None: any number)."""

    is_allowed: bool
    rate: RateLimit | None


class PharmacyCache:
    """Find the pharmacy of a post. One that is not known is made, within the bounds of keys that reach all."""

    def __init__(self, database: Database, limiter: RateLimiter, creation: PharmacyCreation) -> None:
        self._database = database
        self._limiter = limiter
        self._creation = creation
        self._cache = TtlCache[str, Pharmacy](_CACHE_TTL_SECONDS, _MAX_CACHED_PHARMACIES)
        self._asked = SingleFlight[tuple[str, str], Pharmacy]()

    async def __call__(self, caller: Caller, cnpj: str, facts: FirstRecord) -> Pharmacy:
        """Return the pharmacy; Forbidden or TooManyRequests when it is new and this key may not make it now."""
        cached = self._cache.get(cnpj)
        if cached is not None:
            return cached
        return await self._asked((caller.name, cnpj), lambda: self._find_or_create(caller, cnpj, facts))

    async def _find_or_create(self, caller: Caller, cnpj: str, facts: FirstRecord) -> Pharmacy:
        seen = self._database.within(TenantContext(cnpjs=(cnpj,)))
        known = await pharmacies.find(seen, cnpj)
        if known is None:
            await self._check(caller, cnpj)
            told = (facts.name or "", facts.city or "", facts.state or "")
            known = await pharmacies.find_or_create(seen, cnpj, *told)
            PHARMACIES_CREATED.add()
        self._cache.put(cnpj, known)
        return known

    async def _check(self, caller: Caller, cnpj: str) -> None:
        if caller.cnpjs is not None or caller.can(Scope.ADMIN):
            return  # whoever made the key named the pharmacy, or could
        if not self._creation.is_allowed:
            raise Forbidden("pharmacy_not_registered", cnpj=cnpj)
        if self._creation.rate is not None and caller.rate_limit != "off":
            taken = await self._limiter.hit(f"new:{caller.name}", self._creation.rate)
            raise_if_limited("pharmacies_limited", self._creation.rate, taken)
