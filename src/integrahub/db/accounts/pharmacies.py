"""Pharmacies and their settings."""

from collections.abc import Mapping
from typing import Any

import msgspec

from integrahub.db.accounts.rows import Pharmacy, PharmacySettings, SilentPharmacy
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column, fetch_one

_SQL = load_queries(__name__)
_SETTINGS = ("name", "city", "state", "time_zone", "deactivation_limit", "full_window_minutes", "rate_limit")


async def find(database: Database, cnpj: str) -> Pharmacy | None:
    """Return the pharmacy of a CNPJ, or None."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["find"], {"cnpj": cnpj}, Pharmacy)


async def find_many(database: Database, cnpjs: list[str]) -> dict[str, Pharmacy]:
    """Return the pharmacies of these CNPJs by CNPJ, without those that do not exist or are not visible."""
    async with database.transaction() as connection:
        found = await fetch_all(connection, _SQL["find_many"], {"cnpjs": cnpjs}, Pharmacy)
    return {pharmacy.cnpj: pharmacy for pharmacy in found}


async def find_or_create(database: Database, cnpj: str, name: str, city: str = "", state: str = "") -> Pharmacy:
    """Return the pharmacy of a CNPJ. Create it with these values if it is new; an existing one keeps its own."""
    params = {"cnpj": cnpj, "name": name or f"Farmacia {cnpj}", "city": city, "state": state}
    async with database.transaction() as connection:
        pharmacy = await fetch_one(connection, _SQL["find"], params, Pharmacy)
        pharmacy = pharmacy or await fetch_one(connection, _SQL["create_if_absent"], params, Pharmacy)
        # Another transaction may have created it between the two statements.
        pharmacy = pharmacy or await fetch_one(connection, _SQL["find"], params, Pharmacy)
    assert pharmacy is not None
    return pharmacy


async def find_existing(database: Database, cnpjs: list[str]) -> list[str]:
    """Return at most two of the CNPJs whose pharmacies exist and are visible."""
    async with database.transaction() as connection:
        return await fetch_column(connection, _SQL["find_existing"], {"cnpjs": cnpjs}, str)


async def fetch_page(database: Database, after: str, limit: int) -> list[Pharmacy]:
    """Return up to `limit` pharmacies by CNPJ, after the CNPJ `after`."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["page"], {"after": after, "limit": limit}, Pharmacy)


async def fetch_silent(database: Database, after: str, limit: int) -> list[SilentPharmacy]:
    """Return up to `limit` silent pharmacies by CNPJ, after the CNPJ `after`."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["silent"], {"after": after, "limit": limit}, SilentPharmacy)


async def update(database: Database, cnpj: str, changes: Mapping[str, Any]) -> Pharmacy | None:
    """Change the settings of a pharmacy and return it, or None if it does not exist.

    `changes` are values by column: name, city, state, time_zone, deactivation_limit, full_window_minutes, rate_limit.
    A missing or None value leaves its column unchanged.
    """
    params = {column: changes.get(column) for column in _SETTINGS} | {"cnpj": cnpj}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["update"], params, Pharmacy)


async def replace(database: Database, cnpj: str, settings: PharmacySettings) -> Pharmacy | None:
    """Set all settings of a pharmacy and return it, or None if it does not exist."""
    params = msgspec.structs.asdict(settings) | {"cnpj": cnpj}
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["replace"], params, Pharmacy)
