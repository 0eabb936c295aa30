"""Database of a hub for verbs that read it directly, whether the hub runs or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import OperationalError

from integrahub.db.connections import connect
from integrahub.db.embedded.logins import url_as
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.tenancy import DatabaseRole
from integrahub.db.urls import first_line, shown_database
from integrahub.domain.errors import ConfigurationError, Transient
from integrahub.hub.credentials import resolve_login
from integrahub.settings.model import Settings


@asynccontextmanager
async def open_offline_database(
    settings: Settings, role: DatabaseRole = DatabaseRole.WORKER
) -> AsyncIterator[Settings]:
    """Yield the settings with a DATABASE_URL that answers.

    It is the one set, or that of the hub running on DATA_DIR, or of a PostgreSQL started there for this block. `role`
    is that of the login on an embedded PostgreSQL: of a worker or of the console.
    """
    if settings.database_url:
        resolved = resolve_login(settings)
        await _check_connection(resolved.database_url or "")
        yield resolved
        return
    folder = settings.data_dir / "postgres"
    if not (folder / "cluster").is_dir():
        raise ConfigurationError(
            f"There is no hub in {settings.data_dir}, and INTEGRAHUB_DATABASE_URL is not set. Name the hub's folder "
            "with --data."
        )
    postgres = EmbeddedPostgres(folder, settings.postgres_bin, settings.postgres_password)
    if running := await postgres.url_of_running(role):
        yield settings.model_copy(update={"database_url": running})
        return
    url = url_as(await postgres.start(), role)
    try:
        yield settings.model_copy(update={"database_url": url})
    finally:
        await postgres.stop()


async def _check_connection(url: str) -> None:
    # Fail at once; a process of the hub would wait for the database.
    try:
        await (await connect(url)).close()
    except OperationalError as error:
        raise Transient(
            f"The database {shown_database(url)} does not answer: {first_line(error)}. Check INTEGRAHUB_DATABASE_URL "
            "and that the server runs."
        ) from error
