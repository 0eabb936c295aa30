"""`python -m bench.estimates`: errors of estimated completions, also with batches waiting and a worker added."""

import argparse
import tempfile
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.catalogue import Catalogue
from integrahub.client import Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub

_OUT = Console()
_CNPJ = "05927228000145"
_HEADERS = {"Content-Type": "application/json", "X-Inova-Load-Type": "full"}
_LOOK_INTERVAL_SECONDS = 0.2
_DONE_SHARE, _BOUND = 0.1, 0.25
_IN_QUEUE = 3  # batches of the pharmacy at once
# The supervisor adds a worker as soon as something waits, and removes it between the rounds.
_SETTINGS = {
    "MAX_UPSERT_WORKERS": "2",
    "SCALE_CHECK_INTERVAL": "1",
    "SCALE_ADD_OVER": "1000",
    "SCALE_DRAIN_SECONDS": "1",
}


@dataclass(slots=True)
class Followed:
    """A batch, and its first estimates: while it waited, and once a tenth was done."""

    id: str
    first: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    finished_at: datetime | None = None

    def look(self, client: Client) -> None:
        """Read the batch and keep its first estimates."""
        batch: dict[str, Any] = client.get(f"/v1/batches/{self.id}")
        self.finished_at = _time(batch["finished_at"]) if batch["finished_at"] else None
        case = "a tenth done" if batch["progress"] >= _DONE_SHARE else "waiting" if batch["queue_position"] else ""
        if batch["estimate"] and case and case not in self.first:
            self.first[case] = datetime.now().astimezone(), _time(batch["estimate"]["at"])

    def error(self, case: str) -> float | None:
        """Return the error of an estimate as a share of the time that was left; None without one."""
        if case not in self.first or self.finished_at is None:
            return None
        made_at, at = self.first[case]
        left = (self.finished_at - made_at).total_seconds()
        return abs((at - self.finished_at).total_seconds()) / left if left > 0 else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def follow(client: Client, catalogue: Catalogue, rounds: int) -> list[Followed]:
    """Post FULLs of changed prices, some at once, and follow them to their end; the first round does not count."""
    followed, pause = list[Followed](), threading.Event()
    for _ in range(rounds + 1):
        current = []
        for _ in range(_IN_QUEUE):
            catalogue.raise_all()
            current.append(Followed(client.post_body(iter([catalogue.body()]), _HEADERS).json()["batch_id"]))
        while any(batch.finished_at is None for batch in current):
            for batch in current:
                batch.look(client)
            pause.wait(_LOOK_INTERVAL_SECONDS)
        followed += current
    return followed[_IN_QUEUE:]


def main(products: int, rounds: int) -> None:
    """Print median and ninth decile of the errors, and how many are within the goal."""
    with (
        tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
        run_embedded_hub(Path(folder), 1, _SETTINGS) as admin,
        Client(admin.url, admin.call("POST", f"/admin/pharmacies/{_CNPJ}/api-key")["api_key"], retries=0) as client,
    ):
        followed = follow(client, Catalogue(products), rounds)
    table = Table(title=f"FULLs of {products:,} changed products, {_IN_QUEUE} at once, one or two upsert workers")
    for column in ("estimate made", "batches", "median error", "ninth decile", f"within {_BOUND:.0%}"):
        table.add_column(column, justify="right")
    for case in ("waiting", "a tenth done"):
        errors = [error for batch in followed if (error := batch.error(case)) is not None]
        if len(errors) > 1:
            cuts = quantiles(errors, n=10)
            within = sum(error <= _BOUND for error in errors) / len(errors)
            table.add_row(case, str(len(errors)), f"{cuts[4]:.2f}", f"{cuts[8]:.2f}", f"{within:.0%}")
    _OUT.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=8, help="of three batches each")
    arguments = parser.parse_args()
    main(arguments.products, arguments.rounds)
