"""Owners of webhook endpoints: which endpoint a key may set, and whose deliveries it may read."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.database import Database
from integrahub.db.tenancy import ALL_TENANTS, TenantContext
from integrahub.db.webhooks import endpoints
from integrahub.db.webhooks.rows import OwnerRef
from integrahub.domain.api_keys import Caller, Scope
from integrahub.domain.errors import BadRequest, Conflict, Forbidden, NotFound
from integrahub.domain.webhooks.states import EndpointOwner

FindOwner = Callable[[Caller, str | None], Awaitable["WebhookOwner"]]


@dataclass(frozen=True, slots=True)
class WebhookOwner:
    """An owner of an endpoint. `database` shows only what is the owner's; `name` identifies it in the audit log."""

    ref: OwnerRef
    database: Database
    name: str


class WebhookOwners:
    """Find the owner that a caller acts for.

    A key of one pharmacy acts for that pharmacy, an operator for the pharmacy that it names. A key of several
    pharmacies or of all acts for itself and the keys that replace it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, caller: Caller, cnpj: str | None) -> WebhookOwner:
        """Return the owner. `cnpj` narrows the endpoint of a key to one of its pharmacies.

        Raise Forbidden for a pharmacy that the key cannot access, BadRequest if an operator names none.
        """
        if cnpj and not caller.can_see(cnpj):
            raise Forbidden("other_pharmacy", cnpj=cnpj[:20])
        single = cnpj if caller.can(Scope.VIEWER) else caller.single_cnpj()
        if single:
            return await self._of_pharmacy(single)
        if caller.can(Scope.VIEWER):
            raise BadRequest("cnpj_not_named")
        return await self._of_key(caller, cnpj)

    async def find_operator(self, caller: Caller, cnpj: str | None = None) -> WebhookOwner:
        """Return the operator as owner."""
        return WebhookOwner(OwnerRef(EndpointOwner.OPERATOR), self._database.for_tenants(ALL_TENANTS), "operator")

    async def find_by_endpoint(self, endpoint_id: UUID) -> WebhookOwner:
        """Return the owner of an endpoint, for an operator. Raise NotFound if it does not exist or is deleted."""
        database = self._database.for_tenants(ALL_TENANTS)
        ref = await endpoints.find_owner(database, endpoint_id)
        endpoint = await endpoints.find(database, ref) if ref else None
        if ref is None or endpoint is None:
            raise NotFound("webhook_not_found")
        name = f"key {ref.key_id}" if ref.owner is EndpointOwner.KEY else endpoint.cnpj
        return WebhookOwner(ref, database, name or "operator")

    async def list_endpoints(self, caller: Caller) -> tuple[Database, list[UUID] | None]:
        """Return the endpoints whose deliveries a caller may read, None for all, and a database that shows them."""
        if caller.can(Scope.VIEWER):
            return self._database.for_tenants(ALL_TENANTS), None
        single = caller.single_cnpj()
        if single:
            pharmacy = await self._find_pharmacy(single)
            database, pharmacy_id = self._database.for_tenants(TenantContext(ids=(pharmacy.id,))), pharmacy.id
            return database, await endpoints.list_ids(database, pharmacy_id=pharmacy_id, key_id=None)
        database, family = self._database.for_tenants(_tenants_of(caller)), _family_of(caller)
        return database, await endpoints.list_ids(database, pharmacy_id=None, key_id=family)

    async def _of_pharmacy(self, cnpj: str) -> WebhookOwner:
        pharmacy = await self._find_pharmacy(cnpj)
        database = self._database.for_tenants(TenantContext(ids=(pharmacy.id,)))
        return WebhookOwner(OwnerRef(EndpointOwner.PHARMACY, pharmacy.id), database, cnpj)

    async def _of_key(self, caller: Caller, cnpj: str | None) -> WebhookOwner:
        family = _family_of(caller)
        pharmacy_id = (await self._find_pharmacy(cnpj)).id if cnpj else None
        cnpjs = None if caller.cnpjs is None else tuple(sorted(caller.cnpjs))
        ref = OwnerRef(EndpointOwner.KEY, pharmacy_id, family, cnpjs)
        name = f"key {family}" + (f", {cnpj}" if cnpj else "")
        return WebhookOwner(ref, self._database.for_tenants(_tenants_of(caller)), name)

    async def _find_pharmacy(self, cnpj: str) -> Pharmacy:
        pharmacy = await pharmacies.find(self._database.for_tenants(TenantContext(cnpjs=(cnpj,))), cnpj)
        if pharmacy is None:
            raise NotFound("pharmacy_not_found", cnpj=cnpj[:20])
        return pharmacy


def _tenants_of(caller: Caller) -> TenantContext:
    return replace(TenantContext.of_cnpjs(caller.cnpjs), key_family=caller.key_family)


def _family_of(caller: Caller) -> UUID:
    # An endpoint that belonged to a key of the settings would outlive the key: nothing says when it is removed.
    if caller.key_family is None:
        raise Conflict("webhook_key_unstored")
    return caller.key_family
