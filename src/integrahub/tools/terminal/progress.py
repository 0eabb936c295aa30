"""Progress bars, and following a batch until it is final."""

import threading
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from integrahub.client.client import Client
from integrahub.tools.terminal.output import ERRORS

_MIN_POLL_INTERVAL_SECONDS = 0.1
_MAX_POLL_INTERVAL_SECONDS = 1.0
_POLL_BACKOFF = 1.1
Row = dict[str, Any]


def bars() -> Progress:
    """Return progress bars on standard error, so that output can be piped."""
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=ERRORS)


def follow(client: Client, batch_id: str, progress: Progress, task: TaskID) -> Row:
    """Poll the batch, update its bar, and return the batch once it is final."""
    interval, never = _MIN_POLL_INTERVAL_SECONDS, threading.Event()
    while True:
        batch: Row = client.get(f"/v1/batches/{batch_id}")
        done = batch["items_processed"] + batch["items_failed"]
        progress.update(task, total=batch["items_total"], completed=done)
        if batch["finished_at"]:
            return batch
        never.wait(interval)
        interval = min(_MAX_POLL_INTERVAL_SECONDS, interval * _POLL_BACKOFF)
