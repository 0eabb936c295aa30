"""`integrahub send`: post a catalogue file to a hub."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from integrahub.cli.connect import open_client
from integrahub.cli.options import client_verb
from integrahub.client.client import ApiError
from integrahub.client.uploads import CatalogueFile, InvalidCatalogue, open_catalogue
from integrahub.tools.terminal.output import notify, say, show_facts
from integrahub.tools.terminal.progress import bars, follow

_LOAD_TYPES = ("full", "delta")
_RETRIED_STATUSES = (429, 503)
_MAX_RETRY_DELAY_SECONDS = 300.0
_MAX_TITLE_CHARACTERS = 34
_REPEATED = "Batch already received (idempotent)"  # the same in every language, for older clients
_SUCCESSFUL = ("COMPLETED", "PARTIAL_FAIL")
Row = dict[str, Any]


@client_verb
def send(
    file: Annotated[Path, typer.Argument(help="JSON array or NDJSON, plain, gzip or zstd; - for standard input")],
    load_type: Annotated[str, typer.Option("--type", help="full: the whole catalogue; delta: changes")],
    cnpj: Annotated[str | None, typer.Option(help="pharmacy, if neither the key nor the records name it")] = None,
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, max=100, help="retries after 429 or 503, as Retry-After asks")
    ] = 5,
    watch: Annotated[bool, typer.Option("--watch", help="follow the batch until it is final")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
) -> int:
    """Post a catalogue; with --watch, follow its batch. Exit code 1 if the batch failed.

    Example: integrahub send catalogue.json.gz --type full --watch

    Example: zcat catalogue.gz | integrahub send - --type full
    """
    if load_type.lower() not in _LOAD_TYPES:
        raise typer.BadParameter(f"{load_type!r}: expected full or delta", param_hint="--type")
    with _open_file(file) as catalogue, open_client() as client, bars() as progress:
        client.check_key()  # before the upload, which a rejected key would waste
        task = progress.add_task(f"sending {file.name}"[:_MAX_TITLE_CHARACTERS], total=catalogue.size)

        def post() -> Row:
            progress.reset(task)
            blocks = catalogue.blocks(lambda sent: progress.advance(task, sent))
            return dict(client.post_body(blocks, catalogue.headers(load_type), cnpj).json())

        batch = answer = _post_with_retries(post, retries)
        if watch:
            applying = progress.add_task("applying", total=None)
            batch = follow(client, answer["batch_id"], progress, applying)
    if answer.get("message") == _REPEATED:
        notify(f"The hub already has this content, as batch {answer['batch_id']}; nothing was done again.")
    show_facts(batch, as_json=as_json)
    if not watch and not as_json:
        say(f"Follow it: integrahub batch show {answer['batch_id']}")
    return 0 if not watch or batch["status"] in _SUCCESSFUL else 1


@contextmanager
def _open_file(path: Path) -> Iterator[CatalogueFile]:
    try:
        with open_catalogue(path) as catalogue:
            yield catalogue
    except InvalidCatalogue as error:
        raise typer.BadParameter(str(error)) from error


def _post_with_retries(post: Callable[[], Row], retries: int) -> Row:
    """Post, and retry as Retry-After asks while the hub is busy. The hub recognises repeated content as one batch."""
    never = threading.Event()
    for left in range(retries, 0, -1):
        try:
            return post()
        except ApiError as error:
            if error.status not in _RETRIED_STATUSES or error.retry_after is None:
                raise
            delay = min(error.retry_after, _MAX_RETRY_DELAY_SECONDS)
            notify(f"{error} Trying again in {delay:.0f} s; {left} of {retries} retries left.")
        never.wait(delay)
    return post()
