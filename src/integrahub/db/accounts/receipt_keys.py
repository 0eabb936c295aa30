"""Table `receipt_keys`: public keys that signed receipts, those of the past too."""

import msgspec

from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all

_SQL = load_queries(__name__)


class StoredReceiptKey(msgspec.Struct, frozen=True):
    """A public key. `public_key` is `x` of its JWK."""

    key_id: str
    public_key: str


async def insert_missing(database: Database, key_id: str, public_key: str) -> None:
    """Store a public key; do nothing if it is stored."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["insert_missing"], {"key_id": key_id, "public_key": public_key})


async def list_all(database: Database) -> list[StoredReceiptKey]:
    """Return all public keys, the newest first."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["list_all"], None, StoredReceiptKey)
