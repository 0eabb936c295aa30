"""The database of a hub, whether it runs or not, for verbs that look at what is kept."""

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
async def kept_database(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with a DATABASE_URL that answers: as set, of the hub that runs on DATA_DIR, or started for now."""
    if settings.database_url:
        known = resolve_login(settings)
        await _answering(known.database_url or "")
        yield known
        return
    folder = settings.data_dir / "postgres"
    if not (folder / "cluster").is_dir():
        raise ConfigurationError(
            f"There is no hub in {settings.data_dir}, and DATABASE_URL is not set. Name its folder with --data."
        )
    postgres = EmbeddedPostgres(folder, settings.postgres_bin, settings.postgres_password)
    if running := await postgres.url_of_running():
        yield settings.model_copy(update={"database_url": running})
        return
    url = url_as(await postgres.start(), DatabaseRole.WORKER)
    try:
        yield settings.model_copy(update={"database_url": url})
    finally:
        await postgres.stop()


async def _answering(url: str) -> None:
    """Refuse a database that does not answer at once, instead of waiting for it as a process of the hub does."""
    try:
        await (await connect(url)).close()
    except OperationalError as error:
        raise Transient(
            f"The database {shown_database(url)} does not answer: {first_line(error)}. Check DATABASE_URL and that it "
            "runs."
        ) from error
