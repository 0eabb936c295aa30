"""Brings the schema up to date: files of `migrations/` in order, each once, under one advisory lock."""

from importlib.resources import files
from typing import LiteralString

from psycopg import AsyncConnection

_LOCK = 0x1A7E62A  # any number nobody else locks
_TABLE = "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"


def available() -> list[tuple[str, LiteralString]]:
    """Name and text of every migration, in the order they apply."""
    folder = files(__package__) / "migrations"
    found = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(name, text) for name, text in found]


async def migrate(url: str) -> list[str]:
    """Apply what is missing, all in one transaction, and give the names applied. Safe to run by many at once."""
    async with await AsyncConnection.connect(url) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        await connection.execute(_TABLE)
        rows = await (await connection.execute("SELECT name FROM schema_migrations")).fetchall()
        done = {row[0] for row in rows}
        applied = [(name, text) for name, text in available() if name not in done]
        for name, text in applied:
            await connection.execute(text)
            await connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", [name])
    return [name for name, _ in applied]
