"""Verbs that run processes of the hub, or prepare for them.

Each function imports what only it needs: an API imports no worker, a worker no API, and a supervisor neither.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from integrahub.cli.parent_watch import end_with_parent
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.steps import NOTIFY, STEPS
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import say, show_json, show_rows

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="port of the API; if omitted: 8000", metavar="PORT")]
Folder = Annotated[Path | None, typer.Option(help="data folder; if omitted: integrahub-data", metavar="DIR")]
Workers = Annotated[
    int | None, typer.Option(min=1, max=256, help="number of upsert workers; if omitted: 2", metavar="N")
]
Tls = Annotated[bool, typer.Option("--tls", help="use TLS, with a certificate created for this machine")]
PlainHttp = Annotated[
    bool, typer.Option("--plain-http", help="serve other machines without TLS, behind a proxy that has TLS")
]


def up(
    port: Port = None, data: Folder = None, workers: Workers = None, tls: Tls = False, plain_http: PlainHttp = False
) -> int:
    """Run the embedded hub: PostgreSQL, API and workers, until Ctrl-C.

    Example: integrahub up --port 8000 --data ./integrahub-data
    """
    from integrahub.supervisor.main import run_up

    options = {"port": port, "data_dir": data, "min_upsert_workers": workers, "plain_http": plain_http or None}
    settings = Settings().model_copy(update={name: value for name, value in options.items() if value is not None})
    return run_up(_with_certificate(settings) if tls and not settings.tls_cert else settings)


def _with_certificate(settings: Settings) -> Settings:
    from integrahub.secrets.development_certificate import ensure_development_certificate
    from integrahub.secrets.secret_files import CA_FILE

    certificate, key = (path.absolute() for path in ensure_development_certificate(settings.data_dir / "tls"))
    say(f"Certificate of the hub's authority, for clients to trust: {certificate.with_name(CA_FILE)}")
    return settings.model_copy(update={"tls_cert": certificate, "tls_key": key})


def api(plain_http: PlainHttp = False) -> int:
    """Run one API process.

    Example: integrahub api --plain-http
    """
    from integrahub.web import server

    settings = Settings()
    settings = settings.model_copy(update={"plain_http": True}) if plain_http else settings
    end_with_parent(settings.parent_pid)
    return server.run(settings)


def console(plain_http: PlainHttp = False) -> int:
    """Run one process of the console, the pages for operators.

    Example: integrahub console --plain-http
    """
    from integrahub.web import console as process

    settings = Settings()
    settings = settings.model_copy(update={"plain_http": True}) if plain_http else settings
    end_with_parent(settings.parent_pid)
    return process.run(settings)


def work(
    steps: Annotated[
        str, typer.Argument(metavar="STEPS", help=f"one or several, separated by commas: {', '.join(STEPS)}")
    ],
) -> int:
    """Run the given steps in one process.

    Example: integrahub work split,finish,sweep
    """
    from integrahub.worker import process

    names = [step.strip() for step in steps.split(",") if step.strip()]
    if unknown := [step for step in names if step not in STEPS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: no such step; expected {', '.join(STEPS)}")
    if not names:
        raise typer.BadParameter(f"no step given; expected {', '.join(STEPS)}")
    if NOTIFY in names and len(names) > 1:
        raise typer.BadParameter(f"{NOTIFY} runs in a process of its own; start it by `integrahub work {NOTIFY}`")
    settings = Settings()
    end_with_parent(settings.parent_pid)
    return process.run(settings, names)


def migrate(
    plan: Annotated[
        bool, typer.Option("--plan", help="print what it would run, with locks and rows; change nothing")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the plan as JSON")] = False,
) -> int:
    """Migrate the schema of INTEGRAHUB_DATABASE_URL to this version.

    Example: INTEGRAHUB_DATABASE_URL=postgresql://hub@db/integrahub integrahub migrate
    """
    from integrahub.db.schema import migrate as migrations
    from integrahub.hub.credentials import resolve_login

    url = resolve_login(Settings()).database_url
    if not url:
        raise ConfigurationError(
            "INTEGRAHUB_DATABASE_URL is not set. (`integrahub up` migrates its embedded database itself.)"
        )
    if plan:
        return _show_plan(url, as_json=as_json)
    applied = asyncio.run(migrations.migrate(url))
    say(f"Applied {', '.join(applied)}." if applied else "The schema is up to date.")
    return 0


def _show_plan(url: str, *, as_json: bool) -> int:
    """Print the statements that a migration would run. Return 1 if it would be refused."""
    import msgspec

    from integrahub.db.schema.plan import plan_migration

    plan = asyncio.run(plan_migration(url))
    columns = ("script", "kind", "lock", "table", "rows", "rewrites", "statement")
    if as_json:
        show_json(msgspec.to_builtins(plan))
    else:
        rows = [msgspec.to_builtins(one) for one in plan.statements]
        show_rows(rows, columns, empty="The schema is up to date.", more="Use --json.")
        for one in plan.older:
            say(f"A contract step would be refused: {one.name} (process {one.pid}) is of an older version.", "red")
    return 1 if plan.older else 0


def topics() -> int:
    """Create the missing topics of INTEGRAHUB_BUS_URL.

    Example: INTEGRAHUB_BUS_URL=kafka://broker:9092 integrahub topics
    """
    from integrahub.hub.adapters import create_topics

    created = asyncio.run(create_topics(Settings()))
    if created is None:
        say("The bus `local` is a table of the database; it has no topics to create.")
    else:
        say(f"Created {', '.join(created)}." if created else "All topics exist.")
    return 0


def openapi() -> int:
    """Print the OpenAPI document of the API.

    Example: integrahub openapi > openapi.json
    """
    from integrahub.api.app import build_openapi, create_app
    from integrahub.hub.bootstrap import compose_hub

    hub = compose_hub(Settings())
    show_json(build_openapi(create_app(hub, hub.ingest())))
    return 0
