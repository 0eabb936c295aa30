"""Database roles of processes, and the tenants (pharmacies) that a transaction of the API may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)


class DatabaseRole(StrEnum):
    """The PostgreSQL role of a process; permissions.sql grants each its permissions."""

    API = "integrahub_api"
    WORKER = "integrahub_worker"
    NOTIFY = "integrahub_notify"
    CONSOLE = "integrahub_console"


@dataclass(frozen=True, slots=True)
class TenantContext:
    """The pharmacies that row level security shows to a transaction: all, or those with these CNPJs or ids.

    `key_family` also shows the webhook endpoints of a key and of the keys that replace it.
    """

    all_tenants: bool = False
    cnpjs: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    key_family: UUID | None = None

    @classmethod
    def of_cnpjs(cls, cnpjs: Iterable[str] | None) -> "TenantContext":
        """Return the context of an API key; None means all pharmacies."""
        return ALL_TENANTS if cnpjs is None else cls(cnpjs=tuple(sorted(cnpjs)))

    async def apply(self, connection: AsyncConnection[Any]) -> None:
        """Set the context for the running transaction."""
        if self.all_tenants:
            await connection.execute(_SQL["set_tenant_all"])
        elif self.cnpjs:
            await connection.execute(_SQL["set_tenant_cnpjs"], {"cnpjs": list(self.cnpjs)})
        elif self.ids:
            await connection.execute(_SQL["set_tenant_pharmacies"], {"ids": list(self.ids)})
        if self.key_family:
            await connection.execute(_SQL["set_key_family"], {"family": str(self.key_family)})


ALL_TENANTS = TenantContext(all_tenants=True)
