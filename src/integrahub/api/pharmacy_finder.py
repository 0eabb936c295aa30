"""Find the pharmacy of a post by the CNPJ in the query, in the first record, or of the key."""

from integrahub.api.cnpj import ParseCnpj
from integrahub.api.pharmacy_cache import PharmacyCache
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.database import Database
from integrahub.db.tenancy import TenantContext
from integrahub.domain.api_keys import Caller
from integrahub.domain.dialects.base import FirstRecord
from integrahub.domain.errors import BadRequest, Forbidden
from integrahub.domain.pharmacies import InvalidCnpj, list_near_cnpjs


class PharmacyFinder:
    """Find the pharmacy of a post, and suggest a known one for a mistyped CNPJ."""

    def __init__(self, database: Database, cache: PharmacyCache, parse: ParseCnpj) -> None:
        self._database = database
        self._cache = cache
        self._parse = parse

    async def __call__(self, caller: Caller, first_record: FirstRecord, query_cnpj: str) -> Pharmacy:
        """Return the pharmacy. Raise BadRequest without a valid CNPJ, Forbidden if the key does not cover it."""
        cnpj = await self._find_cnpj(caller, first_record, query_cnpj)
        if not caller.can_see(cnpj):
            raise Forbidden("other_pharmacy", cnpj=cnpj)
        return await self._cache(caller, cnpj, first_record)

    def find_cached(self, caller: Caller, first_record: FirstRecord, query_cnpj: str) -> Pharmacy | None:
        """Return the pharmacy if it is cached and the key covers it; None where calling this would wait or raise."""
        try:
            cnpj = self._read_cnpj(caller, first_record, query_cnpj)
        except (InvalidCnpj, BadRequest):
            return None
        return self._cache.find_cached(cnpj) if caller.can_see(cnpj) else None

    async def _find_cnpj(self, caller: Caller, first_record: FirstRecord, query_cnpj: str) -> str:
        try:
            return self._read_cnpj(caller, first_record, query_cnpj)
        except InvalidCnpj as error:
            raise await self._suggest(caller, query_cnpj or first_record.cnpj, error) from error

    def _read_cnpj(self, caller: Caller, first_record: FirstRecord, query_cnpj: str) -> str:
        """Return the CNPJ of a post. Raise InvalidCnpj if it names a wrong one, BadRequest if it names none."""
        key_cnpj = None if query_cnpj else caller.single_cnpj()
        posted = query_cnpj or first_record.cnpj
        if not posted:
            if not key_cnpj:
                raise BadRequest("cnpj_missing")
            return key_cnpj
        try:
            return self._parse(posted)
        except InvalidCnpj:
            if not key_cnpj:
                raise
            return key_cnpj  # only the first record is wrong, and is rejected alone

    async def _suggest(self, caller: Caller, posted: str, error: InvalidCnpj) -> BadRequest:
        """Return the error, with a suggestion if exactly one pharmacy of the caller differs by one typo."""
        database = self._database.for_tenants(TenantContext.of_cnpjs(caller.cnpjs))
        similar = await pharmacies.find_existing(database, list_near_cnpjs(posted))
        if len(similar) != 1 or not caller.can_see(similar[0]):
            return BadRequest(error.code, **error.facts)
        return BadRequest("cnpj_typo", {"suggestion": similar[0]}, **error.facts, suggestion=similar[0])
