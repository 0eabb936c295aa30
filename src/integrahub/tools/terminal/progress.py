"""Watching a batch until it is final, with a progress bar."""

import threading
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from integrahub.client.client import Client
from integrahub.tools.terminal.output import ERRORS

_LOOK = 0.1  # seconds between looks at first
_SELDOM = 1.0  # seconds between looks of a long batch
Row = dict[str, Any]


def bars() -> Progress:
    """Progress on standard error, so that output can be piped."""
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=ERRORS)


def follow(client: Client, batch_id: str, progress: Progress, task: TaskID) -> Row:
    """The batch once it is final."""
    wait, never = _LOOK, threading.Event()
    while True:
        batch: Row = client.get(f"/v1/batches/{batch_id}")
        done = batch["items_processed"] + batch["items_failed"]
        progress.update(task, total=batch["items_total"], completed=done)
        if batch["finished_at"]:
            return batch
        never.wait(wait)
        wait = min(_SELDOM, wait * 1.1)
