"""`integrahub fleet`: the orchestrator, and what it is doing."""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from integrahub.cli.options import AsJson, Wide
from integrahub.settings.model import Settings
from integrahub.supervisor import state_file as place
from integrahub.tools.terminal.output import say, show_json, show_rows

app = typer.Typer(help="Run the orchestrator; status and restart of one that runs.")
Folder = Annotated[Path | None, typer.Option(help="the fleet's data folder (integrahub-data)")]
_COLUMNS = ("name", "state", "pid", "up", "restarts", "last exit", "problems", "step", "port")


@app.callback(invoke_without_command=True)
def fleet(context: typer.Context) -> int:
    """Run API and workers on DATABASE_URL, as many as the work asks for, until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return 0
    from integrahub.supervisor import main as run  # the supervisor, which those that ask for its status need not import

    return run.run_fleet(Settings())


@app.command()
def status(
    data: Folder = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Every process of the fleet that runs on the folder.

    Example: integrahub fleet status --data ./integrahub-data
    """
    told = place.fetch_status(data or Settings().data_dir)
    if as_json:
        show_json(told)
        return
    show_rows([_readable(worker) for worker in told["workers"]], _COLUMNS, empty="No process runs.", wide=wide)
    counts = (f"{step} {count['now']} ({count['min']} to {count['max']})" for step, count in told["counts"].items())
    say(f"processes: {', '.join(counts)}")
    waiting = told["seen"].get("backlog")
    steps = None if waiting is None else (f"{step} {records:,}" for step, records in waiting.items())
    say(f"records waiting: {'not counted yet' if steps is None else ', '.join(steps)}")


def _readable(worker: dict[str, Any]) -> dict[str, Any]:
    """A process as a person reads it."""
    return worker | {"last exit": explain_exit(worker["last_exit"]), "up": _duration(worker["up_seconds"])}


def explain_exit(code: int | None) -> str | None:
    """Say what an exit code most often means; None when the process never ended."""
    if code is None or code >= 0:
        meaning = {1: "failed, see the log", 2: "a setting cannot be used"}.get(code or 0)
        return f"{code} ({meaning})" if meaning else None if code is None else str(code)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "signal"
    return f"{code} ({name}, most often the machine's memory)" if -code == signal.SIGKILL else f"{code} ({name})"


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else str(timedelta(seconds=round(seconds)))


@app.command()
def restart(data: Folder = None) -> None:
    """Restart every process in turn, each once the one before is ready; starts what was left in a crash loop too.

    Example: integrahub fleet restart
    """
    place.request_restart(data or Settings().data_dir)
    say("The processes are restarted one by one; `integrahub fleet status` shows them.")
