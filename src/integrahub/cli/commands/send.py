"""`integrahub send`: a catalogue file to a hub."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from integrahub.cli.connect import open_client
from integrahub.client.client import ApiError
from integrahub.client.uploads import CatalogueFile, InvalidCatalogue, open_catalogue
from integrahub.tools.terminal.output import notify, say, show_facts
from integrahub.tools.terminal.progress import bars, follow

_LOAD_TYPES = ("full", "delta")
_BUSY = (429, 503)
_LONGEST = 300.0  # seconds between two tries
_REPEATED = "Batch already received (idempotent)"  # as older clients expect it, in every language
Row = dict[str, Any]
_DONE = ("COMPLETED", "PARTIAL_FAIL")


def send(
    file: Annotated[Path, typer.Argument(help="JSON array or NDJSON, plain, gzip or zstd; - is standard input")],
    load_type: Annotated[str, typer.Option("--type", help="full: the whole catalogue; delta: changes")],
    cnpj: Annotated[str | None, typer.Option(help="the pharmacy, when neither key nor records say it")] = None,
    url: Annotated[str | None, typer.Option(help="the hub's address (INTEGRAHUB_URL)")] = None,
    key: Annotated[str | None, typer.Option(help="the API key (INTEGRAHUB_KEY)")] = None,
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, max=100, help="tries again after 429 or 503, as the hub asks")
    ] = 5,
    watch: Annotated[bool, typer.Option("--watch", help="follow the batch until it is final")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text")] = False,
) -> int:
    """Post a catalogue; with --watch, follow it. Exit code 1 when the batch failed.

    Example: integrahub send catalogue.json.gz --type full --watch

    Example: zcat catalogue.gz | integrahub send - --type full
    """
    if load_type.lower() not in _LOAD_TYPES:
        raise typer.BadParameter(f"{load_type!r}: expected full or delta", param_hint="--type")
    with _open_file(file) as catalogue, open_client(url, key) as client, bars() as progress:
        client.check_key()  # a key that is refused must not cost the whole upload
        task = progress.add_task(f"sending {file.name}"[:34], total=catalogue.size)

        def post() -> Row:
            progress.reset(task)
            blocks = catalogue.blocks(lambda sent: progress.advance(task, sent))
            return dict(client.post_body(blocks, catalogue.headers(load_type), cnpj).json())

        batch = answer = _post_patiently(post, retries)
        if watch:
            applying = progress.add_task("applying", total=None)
            batch = follow(client, answer["batch_id"], progress, applying)
    if answer.get("message") == _REPEATED:
        notify(f"The hub had received this content already, as batch {answer['batch_id']}; nothing was done again.")
    show_facts(batch, as_json=as_json)
    if not watch and not as_json:
        say(f"Follow it: integrahub batch show {answer['batch_id']}")
    return 0 if not watch or batch["status"] in _DONE else 1


@contextmanager
def _open_file(path: Path) -> Iterator[CatalogueFile]:
    try:
        with open_catalogue(path) as catalogue:
            yield catalogue
    except InvalidCatalogue as error:
        raise typer.BadParameter(str(error)) from error


def _post_patiently(post: Callable[[], Row], retries: int) -> Row:
    """Post, and again after as many seconds as the hub asks for while it is busy: the same content is one batch."""
    never = threading.Event()
    for left in range(retries, 0, -1):
        try:
            return post()
        except ApiError as refused:
            if refused.status not in _BUSY or refused.retry_after is None:
                raise
            pause = min(refused.retry_after, _LONGEST)
            notify(f"{refused} Trying again in {pause:.0f} s; {left} of {retries} tries are left.")
        never.wait(pause)
    return post()
