"""`integrahub send`: post a catalogue file to a hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from integrahub.cli.connect import open_client
from integrahub.cli.options import client_verb
from integrahub.client import ApiError, InvalidCatalogue, UploadListener
from integrahub.client.uploads import CatalogueFile, open_catalogue
from integrahub.tools.terminal.output import notify, say, show_facts
from integrahub.tools.terminal.progress import bars, follow

_LOAD_TYPES = ("full", "delta")
_MAX_TITLE_CHARACTERS = 34
_SUCCESSFUL = ("COMPLETED", "PARTIAL_FAIL")


@client_verb
def send(
    file: Annotated[Path, typer.Argument(help="JSON array or NDJSON, plain, gzip or zstd; - for standard input")],
    load_type: Annotated[str, typer.Option("--type", help="full: the whole catalogue; delta: changes")],
    cnpj: Annotated[str | None, typer.Option(help="pharmacy, if neither the key nor the records name it")] = None,
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, max=100, help="retries after 429, 503 or a broken connection")
    ] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="learn what it would change; change nothing")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="follow the batch until it is final")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
) -> int:
    """Post a catalogue; with --watch, follow its batch. Exit code 1 if the batch failed.

    Rejected records of a batch that was applied do not change the exit code.

    Example: integrahub send catalogue.json.gz --type full --watch

    Example: zcat catalogue.gz | integrahub send - --type full
    """
    if load_type.lower() not in _LOAD_TYPES:
        raise typer.BadParameter(f"{load_type!r}: expected full or delta", param_hint="--type")
    with _open_file(file) as catalogue, open_client(retries=retries) as client, bars() as progress:
        client.check_key()  # before the upload, which a rejected key would waste
        bar = _Bar(
            progress, progress.add_task(f"sending {file.name}"[:_MAX_TITLE_CHARACTERS], total=catalogue.size), retries
        )
        # Without an idempotency key, so that the hub recognises a file that is sent again.
        batch = client.send(catalogue.path, load_type, cnpj=cnpj, idempotency_key=None, dry_run=dry_run, listener=bar)
        if watch:
            follow(batch, progress, progress.add_task("applying", total=None))
    if batch.is_repeated:
        notify(f"The hub already has this content, as batch {batch.id}; nothing was done again.")
    show_facts(batch.data, as_json=as_json)
    if not as_json:
        _say_next(batch.id, dry_run=dry_run, watch=watch)
        _say_rejections(batch.data)
    return 0 if not watch or batch.status in _SUCCESSFUL else 1


def _say_next(batch_id: str, *, dry_run: bool, watch: bool) -> None:
    if not watch:
        say(f"Follow it: integrahub batch show {batch_id}")
    if dry_run:
        say(f"It is a dry run: no product is changed. What would change: GET /v1/batches/{batch_id}/changes")


def _say_rejections(data: dict[str, Any]) -> None:
    """Say how many records were rejected or have warnings, and which command lists them."""
    counts = {"rejected": data.get("items_failed") or 0, "warnings": data.get("warnings") or 0}
    if any(counts.values()):
        shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        say(f"{shown}: integrahub batch errors {data['batch_id']}", "yellow")


class _Bar(UploadListener):
    """Progress bar of an upload. Each retry is announced and begins the bar again."""

    def __init__(self, progress: Progress, task: TaskID, retries: int) -> None:
        self._progress, self._task, self._retries = progress, task, retries

    def on_sent(self, total: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=total)

    def on_retry(self, error: ApiError, delay: float, retries_left: int) -> None:
        """Announce the retry."""
        notify(f"{error} Trying again in {delay:.0f} s; {retries_left} of {self._retries} retries left.")


@contextmanager
def _open_file(path: Path) -> Iterator[CatalogueFile]:
    try:
        with open_catalogue(path) as catalogue:
            yield catalogue
    except InvalidCatalogue as error:
        raise typer.BadParameter(str(error)) from error
