"""`make bench`: FULL loads through a whole hub, from the 202 to COMPLETED, as ratios to the floor of the same run."""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from bench.floor import rate
from integrahub.cli.client import Client
from integrahub.cli.demo_catalogue import CNPJ, Record, encoded, sample
from integrahub.cli.embedded_run import embedded_run
from integrahub.cli.following import bars, follow

_OUT = Console()


def catalogue(products: int) -> list[Record]:
    """The real catalogue, repeated under new product ids."""
    records = sample()
    copies = -(-products // len(records))
    ids = ((copy, record) for copy in range(copies) for record in records)
    return [r | {"PRODUCTID": int(r["PRODUCTID"]) + copy * 10_000_000} for copy, r in ids][:products]


def dearer(records: list[Record], every: int) -> list[Record]:
    """Each `every`-th product with another price."""
    return [r | {"PRICE": float(r.get("PRICE") or 0) + 1} if n % every == 0 else r for n, r in enumerate(records)]


def hub_rate(client: Client, records: list[Record]) -> float:
    """Products a second from the 202 to the end of the batch, both told by the hub's database."""
    headers = {"X-Inova-Load-Type": "full", "Content-Type": "application/json"}
    answer = client.post_body(iter([encoded(records)]), headers).json()
    with bars() as progress:
        batch = follow(client, answer["batch_id"], progress, progress.add_task("applying", total=len(records)))
    assert batch["status"] == "COMPLETED", batch
    received, finished = (datetime.fromisoformat(batch[name]) for name in ("received_at", "finished_at"))
    return len(records) / (finished - received).total_seconds()


def scenes(records: list[Record]) -> list[tuple[str, list[Record]]]:
    """What is measured, in order: each scene finds the table as the one before left it."""
    changed = dearer(records, 1)
    return [
        ("FULL, all new", records),
        ("FULL, nothing changed", [records[-1], *records[:-1]]),
        ("FULL, all changed", changed),
        ("FULL, 2 % changed", dearer(changed, 50)),
    ]


def run(products: int) -> dict[str, tuple[float, float]]:
    """Scene -> rates of the hub and of the floor, in products a second, on a fresh hub."""
    records = catalogue(products)
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder, embedded_run(Path(folder)) as admin:
        socket = quote(_socket(Path(folder)), safe="")
        url = f"postgresql://integrahub@/integrahub?host={socket}"
        key = admin.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")["api_key"]
        with Client(admin.url, key) as client:
            return {title: (hub_rate(client, scene), rate(url)) for title, scene in scenes(records)}


def _socket(folder: Path) -> str:
    """Where the PostgreSQL that serves this folder is reached."""
    options = (folder / "kept" / "postgres" / "cluster" / "postmaster.opts").read_text()
    return options.split("unix_socket_directories=", 1)[1].split('"', 1)[0].strip()


def main(products: int, runs: int) -> None:
    """Print each scene's median rates and their ratio."""
    found = [run(products) for _ in range(runs)]
    table = Table(title=f"{products:,} products, median of {runs}")
    for column in ("scene", "hub products/s", "floor products/s", "hub / floor"):
        table.add_column(column, justify="left" if column == "scene" else "right")
    median: Callable[[Any], float] = statistics.median
    for title in found[0]:
        hub, floor = (median(rates[title][side] for rates in found) for side in (0, 1))
        ratio = median(rates[title][0] / rates[title][1] for rates in found)
        table.add_row(title, f"{hub:,.0f}", f"{floor:,.0f}", f"{ratio:.2f}")
    _OUT.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    main(arguments.products, arguments.runs)
