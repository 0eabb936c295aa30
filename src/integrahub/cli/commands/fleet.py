"""`integrahub fleet`: run the supervisor, show its processes, restart them."""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from integrahub.cli.options import AsJson, Wide
from integrahub.settings.model import Settings
from integrahub.supervisor import state_file
from integrahub.tools.terminal.output import say, show_json, show_rows

app = typer.Typer(help="Run the supervisor, show its processes, or restart them.")
Folder = Annotated[Path | None, typer.Option(help="data folder of the supervisor; if omitted: integrahub-data")]
_COLUMNS = ("name", "state", "pid", "up", "restarts", "last exit", "problems", "step", "port")
Row = dict[str, Any]


@app.callback(invoke_without_command=True)
def fleet(context: typer.Context) -> int:
    """Run API and workers on INTEGRAHUB_DATABASE_URL, scaled to the work, until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return 0
    from integrahub.supervisor.main import run_fleet  # `status` and `restart` need no supervisor

    return run_fleet(Settings())


@app.command()
def status(
    data: Folder = None,
    as_json: AsJson = False,
    wide: Wide = False,
) -> None:
    """Show every process of the supervisor that runs on the folder.

    Example: integrahub fleet status --data ./integrahub-data
    """
    supervisor = state_file.fetch_status(data or Settings().data_dir)
    if as_json:
        show_json(supervisor)
        return
    show_rows([_to_shown(row) for row in supervisor["workers"]], _COLUMNS, empty="No process runs.", wide=wide)
    counts = (
        f"{step} {count['now']} ({count['min']} to {count['max']})" for step, count in supervisor["counts"].items()
    )
    say(f"processes: {', '.join(counts)}")
    backlog = supervisor["seen"].get("backlog")
    steps = None if backlog is None else (f"{step} {records:,}" for step, records in backlog.items())
    say(f"records waiting: {'not counted yet' if steps is None else ', '.join(steps)}")


def _to_shown(row: Row) -> Row:
    return row | {"last exit": explain_exit(row["last_exit"]), "up": _format_duration(row["up_seconds"])}


def explain_exit(code: int | None) -> str | None:
    """Return an exit code with its most frequent cause; None if the process has never ended."""
    if code is None or code >= 0:
        meaning = {1: "failed, see the log", 2: "a setting cannot be used"}.get(code or 0)
        return f"{code} ({meaning})" if meaning else None if code is None else str(code)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "signal"
    return f"{code} ({name}, most often the machine's memory)" if -code == signal.SIGKILL else f"{code} ({name})"


def _format_duration(seconds: float | None) -> str | None:
    return None if seconds is None else str(timedelta(seconds=round(seconds)))


@app.command()
def restart(data: Folder = None) -> None:
    """Restart every process in turn, each after the last one is ready. Ends crash loops too.

    Example: integrahub fleet restart
    """
    state_file.request_restart(data or Settings().data_dir)
    say("Restarting the processes one by one; follow it with `integrahub fleet status`.")
