"""`integrahub fleet`: the orchestrator, and what it is doing."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from integrahub.cli.options import AsJson, Wide
from integrahub.cli.output import say, show_json, show_rows
from integrahub.fleet import place, run
from integrahub.settings import Settings

app = typer.Typer(help="Run the orchestrator; status and restart of one that runs.")
Folder = Annotated[Path | None, typer.Option(help="the fleet's data folder (integrahub-data)")]
_COLUMNS = ("step", "name", "state", "pid", "up_seconds", "restarts", "last_exit", "port", "problems")


@app.callback(invoke_without_command=True)
def fleet(context: typer.Context) -> int:
    """Run API and workers on DATABASE_URL, as many as the work asks for, until Ctrl-C."""
    return run.fleet(Settings()) if context.invoked_subcommand is None else 0


@app.command()
def status(
    data: Folder = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Every process of the fleet that runs on the folder."""
    told = place.status_of(data or Settings().data_dir)
    if as_json:
        show_json(told)
        return
    show_rows(told["workers"], _COLUMNS, empty="No process runs.", wide=wide)
    for step, count in told["counts"].items():
        say(f"{step}: {count['now']} of {count['min']} to {count['max']}")
    say(f"backlog: {told['seen'].get('backlog', 'not looked at yet')}")


@app.command()
def restart(data: Folder = None) -> None:
    """Restart every process in turn, each once the one before is ready; starts what was left in a crash loop too."""
    os.kill(place.pid_of(data or Settings().data_dir), signal.SIGHUP)
    say("The processes are restarted one by one; `integrahub fleet status` shows them.")
