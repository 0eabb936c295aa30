"""Pharmacies to choose from before a search of products."""

import msgspec

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all

_SQL = load_queries(__name__)
_MAX_PHARMACIES = 50


class PharmacyMatch(msgspec.Struct, frozen=True):
    """A pharmacy that matches a CNPJ or a name."""

    cnpj: str
    name: str
    city: str
    state: str


async def find_pharmacies(database: Database, text: str) -> tuple[list[PharmacyMatch], bool]:
    """Return the pharmacies whose CNPJ begins with the digits or whose name has the text; whether there are more."""
    digits = "".join(character for character in text if character.isascii() and character.isalnum())
    params = {"name": text, "cnpj": digits if any(map(str.isdecimal, digits)) else "", "limit": _MAX_PHARMACIES + 1}
    async with database.transaction() as connection:
        found = await fetch_all(connection, _SQL["pharmacies"], params, PharmacyMatch)
    return found[:_MAX_PHARMACIES], len(found) > _MAX_PHARMACIES
