"""Data folder of an embedded hub, and the supervision of its PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from integrahub.db.embedded.reset_leases import expire_leases
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.credentials import resolve_login
from integrahub.settings.model import Settings
from integrahub.storage.private_folder import make_private_folder

_log = structlog.get_logger()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """Migrate the schema and yield the database's URL: DATABASE_URL, or that of a PostgreSQL started in the folder.

    The PostgreSQL of the folder is restarted whenever it ends, and stopped at the end of the block.
    """
    create_data_folder(settings)
    if settings.database_url:
        await migrate((await asyncio.to_thread(resolve_login, settings)).database_url or "")
        yield settings.database_url
        return
    postgres = EmbeddedPostgres(settings.data_dir / "postgres", settings.postgres_bin, settings.postgres_password)
    url = await postgres.start()
    try:
        await migrate(url)
        await expire_leases(url)
        restarting = asyncio.create_task(_restart_when_ended(postgres))
        try:
            yield url
        finally:
            restarting.cancel()
            await asyncio.wait([restarting])
    finally:
        await postgres.stop()


async def _restart_when_ended(postgres: EmbeddedPostgres) -> None:
    while True:
        await postgres.wait()
        _log.error("PostgreSQL ended, restarting it", action="restart")
        await postgres.start()


def create_data_folder(settings: Settings) -> None:
    """Create the data folder. Raise ConfigurationError if it is not possible."""
    try:
        make_private_folder(settings.data_dir, settings.data_dir_mode)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {settings.data_dir.absolute()} cannot be created: {error}. Choose another with --data."
        ) from error
