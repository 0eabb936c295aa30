"""Cache of pharmacies for posts; a post of a new pharmacy registers it if its key may."""

from typing import NamedTuple

from integrahub.access.rate_limiter import RateLimiter, raise_if_limited
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.database import Database
from integrahub.db.tenancy import TenantContext
from integrahub.domain.api_keys import Caller, Scope
from integrahub.domain.dialects.base import FirstRecord
from integrahub.domain.errors import Forbidden
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.resilience.rate_limit import RateLimit
from integrahub.resilience.single_flight import SingleFlight
from integrahub.resilience.ttl_cache import TtlCache
from integrahub.telemetry.metrics.catalogue import PHARMACIES_CREATED

_PHARMACY_CACHE_TTL_SECONDS = 5.0
_MAX_CACHED_PHARMACIES = 100_000
_MAX_PHARMACIES_PER_STATEMENT = 200


class PharmacyCreation(NamedTuple):
    """Whether keys of all pharmacies may register new ones by posting, and at which rate (None: unlimited)."""

    is_allowed: bool
    rate: RateLimit | None


class PharmacyCache:
    """Find the pharmacy of a post, and register it if it is new and the key may.

    Posts that wait at the same time share a look-up, so a burst from many pharmacies does not fill the connection pool.
    If it fails, all that wait fail with it: each would wait for the same timeout again.
    """

    def __init__(self, database: Database, limiter: RateLimiter, creation: PharmacyCreation) -> None:
        self._database = database
        self._limiter = limiter
        self._creation = creation
        self._cache = TtlCache[str, Pharmacy](_PHARMACY_CACHE_TTL_SECONDS, _MAX_CACHED_PHARMACIES)
        self._find = MicroBatcher[str, Pharmacy | None](
            self._find_all, BatchLimits(_MAX_PHARMACIES_PER_STATEMENT), fail_waiting=True
        )
        self._creating = SingleFlight[tuple[str, str], Pharmacy]()

    async def __call__(self, caller: Caller, cnpj: str, first_record: FirstRecord) -> Pharmacy:
        """Return the pharmacy. Raise Forbidden or TooManyRequests if it is new and this key may not register it now."""
        cached = self._cache.get(cnpj)
        if cached is not None:
            return cached
        pharmacy = await self._find(cnpj)
        if pharmacy is None:
            pharmacy = await self._creating((caller.name, cnpj), lambda: self._create(caller, cnpj, first_record))
        return pharmacy

    def find_cached(self, cnpj: str) -> Pharmacy | None:
        """Return the pharmacy if it is cached."""
        return self._cache.get(cnpj)

    async def _find_all(self, cnpjs: list[str]) -> list[Pharmacy | None]:
        """Return the pharmacies of these CNPJs in order, and cache those that exist."""
        database = self._database.for_tenants(TenantContext(cnpjs=tuple(set(cnpjs))))
        found = await pharmacies.find_many(database, cnpjs)
        for cnpj, pharmacy in found.items():
            self._cache.put(cnpj, pharmacy)
        return [found.get(cnpj) for cnpj in cnpjs]

    async def _create(self, caller: Caller, cnpj: str, first_record: FirstRecord) -> Pharmacy:
        await self._check_creation(caller, cnpj)
        database = self._database.for_tenants(TenantContext(cnpjs=(cnpj,)))
        fields = (first_record.name or "", first_record.city or "", first_record.state or "")
        pharmacy = await pharmacies.find_or_create(database, cnpj, *fields)
        PHARMACIES_CREATED.add()
        self._cache.put(cnpj, pharmacy)
        return pharmacy

    async def _check_creation(self, caller: Caller, cnpj: str) -> None:
        if caller.cnpjs is not None or caller.can(Scope.ADMIN):
            return  # an admin named the pharmacy when the key was created, or is the caller
        if not self._creation.is_allowed:
            raise Forbidden("pharmacy_not_registered", cnpj=cnpj)
        if self._creation.rate is not None and caller.rate_limit != "off":
            result = await self._limiter.hit(f"new:{caller.name}", self._creation.rate)
            raise_if_limited("pharmacies_limited", self._creation.rate, result)
