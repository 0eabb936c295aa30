"""Progress bars, and following a batch until it is final."""

from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from integrahub.client import Batch
from integrahub.tools.terminal.output import ERRORS

_MAX_POLL_INTERVAL_SECONDS = 1.0
Row = dict[str, Any]


def bars() -> Progress:
    """Return progress bars on standard error, so that output can be piped."""
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=ERRORS)


def percent_bars() -> Progress:
    """Return progress bars that show a percentage, on standard error."""
    columns = (TextColumn("{task.description:<34}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=ERRORS)


def follow(batch: Batch, progress: Progress, task: TaskID) -> Row:
    """Wait for the batch, update its bar, and return its data once it is final."""

    def update(data: Row) -> None:
        progress.update(task, total=data["items_total"], completed=data["items_processed"] + data["items_failed"])

    return batch.wait(on_progress=update, max_interval=_MAX_POLL_INTERVAL_SECONDS)
