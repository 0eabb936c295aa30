"""`integrahub psql`: PostgreSQL's own shell on the hub's database, wherever its socket is."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from integrahub.db.embedded import binaries
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.credentials import resolve_login
from integrahub.settings.model import Settings


def psql(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="the hub's folder")] = None,
    write: Annotated[bool, typer.Option("--write", help="allow changes")] = False,
) -> None:
    """Open psql on the hub's database, to read only. Further arguments go to psql.

    Example: integrahub psql -c 'SELECT * FROM silent_pharmacies'
    """
    settings = Settings()
    settings = settings.model_copy(update={"data_dir": data}) if data else settings
    program = _program(settings)
    url = asyncio.run(_url(settings))
    given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    password = given.pop("password", None)
    environment = _environment(embedded=not settings.database_url, password=password, write=write)
    os.execve(program, [program, make_conninfo("", **given), *context.args], environment)


def _program(settings: Settings) -> str:
    try:
        own = binaries.find(settings.postgres_bin) / "psql"
    except ConfigurationError:
        own = Path("psql")
    found = str(own) if own.is_file() else shutil.which("psql")
    if not found:
        raise ConfigurationError(
            "There is no psql, neither beside the embedded PostgreSQL nor in PATH. Install PostgreSQL's client "
            "programs (the package postgresql-client), or put the folder that holds psql into PATH."
        )
    return found


async def _url(settings: Settings) -> str:
    if settings.database_url:
        return resolve_login(settings).database_url or ""
    postgres = EmbeddedPostgres(settings.data_dir / "postgres", settings.postgres_bin)
    if url := await postgres.url_of_running():
        return url
    raise ConfigurationError(
        f"No hub runs on {settings.data_dir.absolute()}. Start it with `integrahub up`, or name its folder with --data."
    )


def _environment(*, embedded: bool, password: str | None, write: bool) -> dict[str, str]:
    """The password goes by the environment: command lines are for everybody to read."""
    kept = {name: value for name, value in os.environ.items() if not (embedded and name.startswith("PG"))}
    options = "-c integrahub.tenants=all" + ("" if write else " -c default_transaction_read_only=on")
    own = {"PGOPTIONS": options, "PGAPPNAME": "integrahub psql"}
    return kept | own | ({"PGPASSWORD": password} if password is not None else {})
