"""The pharmacy that a read is about, as far as its key may see it."""

from integrahub.api.cnpj import ParseCnpj, read_cnpj
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.database import Database
from integrahub.db.tenancy import ALL_TENANTS, TenantContext
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Forbidden, NotFound
from integrahub.resilience.ttl_cache import TtlCache

_CACHE_TTL_SECONDS = 10.0
_MAX_CACHED = 10_000


class PharmacyAccess:
    """Find the pharmacy that a request names, or that of the key.

    Pharmacies are cached for a short time: their id never changes, and reads use little else.
    """

    def __init__(self, database: Database, parse: ParseCnpj) -> None:
        self._database = database
        self._parse = parse
        self._cached = TtlCache[str, Pharmacy](_CACHE_TTL_SECONDS, _MAX_CACHED)

    async def find(self, caller: Caller, query_cnpj: str | None) -> Pharmacy:
        """Return the pharmacy of `?cnpj=`, else that of the key.

        Raise BadRequest if neither names one, Forbidden if the key does not cover it, NotFound if it does not exist.
        """
        cnpj = read_cnpj(query_cnpj, self._parse) if query_cnpj else caller.single_cnpj()
        if not cnpj:
            raise BadRequest("cnpj_not_named")
        if not caller.can_see(cnpj):
            raise Forbidden("other_pharmacy", cnpj=cnpj)
        return self._cached.get(cnpj) or await self._read(cnpj)

    async def _read(self, cnpj: str) -> Pharmacy:
        pharmacy = await pharmacies.find(self._database.for_tenants(TenantContext(cnpjs=(cnpj,))), cnpj)
        if pharmacy is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj)
        self._cached.put(cnpj, pharmacy)
        return pharmacy

    @property
    def all_tenants(self) -> Database:
        """The database, in which row level security shows all pharmacies and the keys: only for public ids of keys."""
        return self._database.for_tenants(ALL_TENANTS)

    def database_of(self, pharmacy: Pharmacy) -> Database:
        """Return the database, in which row level security shows this pharmacy alone."""
        return self._database.for_tenants(TenantContext(ids=(pharmacy.id,)))
