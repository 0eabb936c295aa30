"""Roles that processes take in PostgreSQL, and the pharmacies a transaction of the API may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection

from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)


class DatabaseRole(StrEnum):
    """What a process is in PostgreSQL; permissions.sql says what each may do."""

    API = "integrahub_api"
    WORKER = "integrahub_worker"


@dataclass(frozen=True, slots=True)
class TenantContext:
    """The pharmacies a transaction names: all of them, or those of CNPJs, or those of ids."""

    everything: bool = False
    cnpjs: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()

    @classmethod
    def of_cnpjs(cls, cnpjs: Iterable[str] | None) -> "TenantContext":
        """That of a key: None means all pharmacies."""
        return ALL_TENANTS if cnpjs is None else cls(cnpjs=tuple(sorted(cnpjs)))

    async def name(self, connection: AsyncConnection[Any]) -> None:
        """Tell the transaction; it is forgotten at its end."""
        if self.everything:
            await connection.execute(_SQL["set_tenant_all"])
        elif self.cnpjs:
            await connection.execute(_SQL["set_tenant_cnpjs"], {"cnpjs": list(self.cnpjs)})
        elif self.ids:
            await connection.execute(_SQL["set_tenant_pharmacies"], {"ids": list(self.ids)})


ALL_TENANTS = TenantContext(everything=True)
