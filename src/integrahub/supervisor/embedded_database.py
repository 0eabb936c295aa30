"""The embedded hub's own parts: its folder, and a PostgreSQL kept alive in it."""

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
async def database(settings: Settings) -> AsyncIterator[str]:
    """The URL of a database with our schema: the one set, else the folder's own, kept alive and stopped here."""
    make_folder(settings)
    if settings.database_url:
        await migrate((await asyncio.to_thread(resolve_login, settings)).database_url or "")
        yield settings.database_url
        return
    postgres = EmbeddedPostgres(settings.data_dir / "postgres", settings.postgres_bin, settings.postgres_password)
    url = await postgres.start()
    try:
        await migrate(url)
        await expire_leases(url)
        keeping = asyncio.create_task(_keep(postgres))
        try:
            yield url
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
    finally:
        await postgres.stop()


async def _keep(postgres: EmbeddedPostgres) -> None:
    while True:
        await postgres.wait()
        _log.error("PostgreSQL ended and is started again", action="restart")
        await postgres.start()


def make_folder(settings: Settings) -> None:
    """The data folder; ConfigurationError when it cannot be made."""
    try:
        make_private_folder(settings.data_dir, settings.data_dir_mode)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {settings.data_dir.absolute()} cannot be made: {error}. Choose another with --data."
        ) from error
