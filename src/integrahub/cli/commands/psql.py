"""`integrahub psql`: open PostgreSQL's shell on the hub's database."""

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
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="data folder of the hub")] = None,
    write: Annotated[bool, typer.Option("--write", help="allow changes")] = False,
) -> None:
    """Open psql on the hub's database, read-only. Further arguments are passed to psql.

    Example: integrahub psql -c 'SELECT * FROM silent_pharmacies'
    """
    settings = Settings()
    settings = settings.model_copy(update={"data_dir": data}) if data else settings
    program = _find_program(settings)
    url = asyncio.run(_find_url(settings))
    parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    password = parameters.pop("password", None)
    environment = _build_environment(embedded=not settings.database_url, password=password, write=write)
    os.execve(program, [program, make_conninfo("", **parameters), *context.args], environment)


def _find_program(settings: Settings) -> str:
    try:
        embedded = binaries.find(settings.postgres_bin) / "psql"
    except ConfigurationError:
        embedded = Path("psql")
    program = str(embedded) if embedded.is_file() else shutil.which("psql")
    if not program:
        raise ConfigurationError(
            "psql was found neither with the embedded PostgreSQL nor in PATH. Install PostgreSQL's client programs "
            "(the package postgresql-client), or add the folder of psql to PATH."
        )
    return program


async def _find_url(settings: Settings) -> str:
    if settings.database_url:
        return resolve_login(settings).database_url or ""
    postgres = EmbeddedPostgres(settings.data_dir / "postgres", settings.postgres_bin)
    if url := await postgres.url_of_running():
        return url
    raise ConfigurationError(
        f"No hub runs on {settings.data_dir.absolute()}. Start it with `integrahub up`, or name its folder with --data."
    )


def _build_environment(*, embedded: bool, password: str | None, write: bool) -> dict[str, str]:
    # The password is a variable, not an argument: any account can read command lines.
    inherited = {name: value for name, value in os.environ.items() if not (embedded and name.startswith("PG"))}
    options = "-c integrahub.tenants=all" + ("" if write else " -c default_transaction_read_only=on")
    own = {"PGOPTIONS": options, "PGAPPNAME": "integrahub psql"}
    return inherited | own | ({"PGPASSWORD": password} if password is not None else {})
