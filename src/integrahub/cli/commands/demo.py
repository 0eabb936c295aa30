"""`integrahub demo`: run the demo and print its table."""

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from integrahub.cli.options import Lang
from integrahub.client import Client
from integrahub.hub.adapters import require_extra
from integrahub.tools.demo.run import Demo, columns
from integrahub.tools.devservices.embedded_hub import run_embedded_hub
from integrahub.tools.terminal.language import format_number, select_text
from integrahub.tools.terminal.output import notify, say, show_rows
from integrahub.tools.terminal.progress import bars


def demo(
    distributed: Annotated[
        bool, typer.Option("--distributed", help="run on Apache Kafka and S3, which the demo starts")
    ] = False,
    lang: Lang = None,
) -> int:
    """Post a real catalogue as FULL, DELTA and repeats to a temporary hub; exit code 0 only if all figures add up.

    Example: integrahub demo --distributed
    """
    started = perf_counter()
    with tempfile.TemporaryDirectory(prefix="integrahub-demo-") as folder:
        portuguese = "Iniciando um hub temporário..."
        notify(select_text(portuguese, "Starting a temporary hub..."))
        start = _run_distributed_hub if distributed else run_embedded_hub
        with start(Path(folder)) as client, bars() as progress:
            run = Demo(client, progress)
            try:
                run.run()
            finally:
                run.close()
    return _report(run, perf_counter() - started)


def _run_distributed_hub(folder: Path) -> AbstractContextManager[Client]:
    with require_extra("kafka"), require_extra("s3"):
        from integrahub.tools.devservices.distributed_hub import run_distributed_hub
    return run_distributed_hub(folder)


def _report(run: Demo, seconds: float) -> int:
    """Print the table and the verdict; return the exit code."""
    hint = select_text("Use um terminal mais largo para vê-las.", "Use a wider terminal to see them.")
    show_rows(run.rows, columns(), more=hint)
    say(run.caption)
    if run.faults:
        say("\n  ".join([select_text("Estes números não fecham:", "These figures do not add up:"), *run.faults]), "red")
        return 1
    products, duration = format_number(len(run.catalogue.expected())), format_number(seconds)
    portuguese = f"Todos os números fecham; os {products} produtos são iguais à entrada. {duration} s ao todo."
    say(select_text(portuguese, f"Every figure adds up; all {products} products equal the input. {duration} s in all."))
    return 0
