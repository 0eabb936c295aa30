"""`integrahub send`: a catalogue file to a hub."""

from pathlib import Path
from typing import Annotated

import typer

from integrahub.cli.client import Client
from integrahub.cli.following import bars, follow
from integrahub.cli.output import say, show_facts
from integrahub.cli.uploading import open_catalogue

_LOAD_TYPES = ("full", "delta")
_DONE = ("COMPLETED", "PARTIAL_FAIL")


def send(
    file: Annotated[Path, typer.Argument(help="JSON array or NDJSON, plain, gzip or zstd; - is standard input")],
    load_type: Annotated[str, typer.Option("--type", help="full: the whole catalogue; delta: changes")],
    cnpj: Annotated[str | None, typer.Option(help="the pharmacy, when neither key nor records say it")] = None,
    url: Annotated[str | None, typer.Option(help="the hub's address (INTEGRAHUB_URL)")] = None,
    key: Annotated[str | None, typer.Option(help="the API key (INTEGRAHUB_KEY)")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="follow the batch until it is final")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text")] = False,
) -> int:
    """Post a catalogue; with --watch, follow it. Exit code 1 when the batch failed.

    Example: integrahub send catalogue.json.gz --type full --watch

    Example: zcat catalogue.gz | integrahub send - --type full
    """
    if load_type.lower() not in _LOAD_TYPES:
        raise typer.BadParameter(f"{load_type!r}: expected full or delta", param_hint="--type")
    with open_catalogue(file) as catalogue, Client(url, key) as client, bars() as progress:
        client.check_key()  # a key that is refused must not cost the whole upload
        task = progress.add_task(f"sending {file.name}"[:34], total=catalogue.size)
        blocks = catalogue.blocks(lambda sent: progress.advance(task, sent))
        answer = client.post_body(blocks, catalogue.headers(load_type), cnpj).json()
        batch = answer
        if watch:
            applying = progress.add_task("applying", total=None)
            batch = follow(client, answer["batch_id"], progress, applying)
    show_facts(batch, as_json=as_json)
    if not watch and not as_json:
        say(f"Follow it: integrahub batch show {answer['batch_id']}")
    return 0 if not watch or batch["status"] in _DONE else 1
