"""Verbs that are processes of the hub.

Each imports within itself what only it runs: an API is no worker, a worker no API, and neither starts the other.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from integrahub.cli.parent_watch import end_with_parent
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import say, show_json

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="where the API listens (8000)", metavar="PORT")]
Folder = Annotated[Path | None, typer.Option(help="the data directory (integrahub-data)", metavar="DIR")]
Workers = Annotated[int | None, typer.Option(min=1, max=256, help="upsert workers (2)", metavar="N")]


Tls = Annotated[bool, typer.Option("--tls", help="with a certificate for this machine, made when there is none")]
PlainHttp = Annotated[bool, typer.Option("--plain-http", help="beyond this machine without TLS, behind a proxy")]


def up(
    port: Port = None, data: Folder = None, workers: Workers = None, tls: Tls = False, plain_http: PlainHttp = False
) -> int:
    """Run the embedded hub: PostgreSQL, API and workers, until Ctrl-C.

    Example: integrahub up --port 8000 --data ./integrahub-data
    """
    from integrahub.supervisor import main as run

    wanted = {"port": port, "data_dir": data, "min_upsert_workers": workers, "plain_http": plain_http or None}
    given = {name: value for name, value in wanted.items() if value is not None}
    settings = Settings().model_copy(update=given)
    if tls and not settings.tls_cert:
        from integrahub.secrets.development_certificate import development_certificate
        from integrahub.secrets.secret_files import AUTHORITY

        certificate, key = development_certificate(settings.data_dir / "tls")
        settings = settings.model_copy(update={"tls_cert": certificate.absolute(), "tls_key": key.absolute()})
        say(
            f"Clients trust this hub by the certificate of its authority: {certificate.absolute().with_name(AUTHORITY)}"
        )
    return run.run_up(settings)


def api(plain_http: PlainHttp = False) -> int:
    """Run one API process.

    Example: integrahub api --plain-http
    """
    from integrahub.web import server

    settings = Settings()
    settings = settings.model_copy(update={"plain_http": True}) if plain_http else settings
    end_with_parent(settings.parent_pid)
    return server.run(settings)


def work(
    steps: Annotated[
        str, typer.Argument(metavar="STEPS", help=f"one or several, separated by commas: {', '.join(STEPS)}")
    ],
) -> int:
    """Run the given steps in one process.

    Example: integrahub work split,finish,sweep
    """
    from integrahub.worker import process as worker

    wanted = [step.strip() for step in steps.split(",") if step.strip()]
    if unknown := [step for step in wanted if step not in STEPS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: not a step; expected {', '.join(STEPS)}")
    if not wanted:
        raise typer.BadParameter(f"no step named; expected {', '.join(STEPS)}")
    settings = Settings()
    end_with_parent(settings.parent_pid)
    return worker.run(settings, wanted)


def migrate() -> int:
    """Bring the schema of DATABASE_URL up to date.

    Example: INTEGRAHUB_DATABASE_URL=postgresql://hub@db/integrahub integrahub migrate
    """
    from integrahub.db.schema import migrate as migrations
    from integrahub.hub.credentials import resolve_login

    url = resolve_login(Settings()).database_url
    if not url:
        raise ConfigurationError("DATABASE_URL is not set; `integrahub up` migrates the database it brings by itself.")
    applied = asyncio.run(migrations.migrate(url))
    say(f"Applied {', '.join(applied)}." if applied else "The schema is up to date.")
    return 0


def topics() -> int:
    """Create the topics of BUS_URL that are not there.

    Example: INTEGRAHUB_BUS_URL=kafka://broker:9092 integrahub topics
    """
    from integrahub.hub.adapters import create_topics

    made = asyncio.run(create_topics(Settings()))
    if made is None:
        say("The bus `local` is a table of the database; it has no topics to create.")
    else:
        say(f"Created {', '.join(made)}." if made else "All topics are there.")
    return 0


def openapi() -> int:
    """Print the API's OpenAPI document.

    Example: integrahub openapi > openapi.json
    """
    from integrahub.api.app import build_openapi, create_app
    from integrahub.hub.bootstrap import compose_hub

    hub = compose_hub(Settings())
    show_json(build_openapi(create_app(hub, hub.ingest())))
    return 0
