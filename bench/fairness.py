"""`python -m bench.fairness`: latency of a small DELTA while large FULLs of other pharmacies are applied."""

import argparse
import statistics
import tempfile
import threading
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from bench.catalogue import Catalogue
from integrahub.client import Client
from integrahub.tools.demo.catalogue import encode_records
from integrahub.tools.devservices.embedded_hub import run_embedded_hub
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_OUT = Console()
_SMALL = "33000167000101"
_HEADERS = {"Content-Type": "application/json", "X-Inova-Load-Type": "full"}


def delta_seconds(client: Client, price: int) -> float:
    """Return the seconds from the post of ten changed products to the final batch."""
    records = [{"CNPJ": _SMALL, "PRODUCTID": n, "TITLE": f"P {n}", "PRICE": price} for n in range(1, 11)]
    started = perf_counter()
    headers = _HEADERS | {"X-Inova-Load-Type": "delta"}
    batch_id = client.post_body(iter([encode_records(records)]), headers, _SMALL).json()["batch_id"]
    pause = threading.Event()
    while not client.get(f"/v1/batches/{batch_id}")["finished_at"]:
        pause.wait(0.01)
    return perf_counter() - started


def post_large_fulls(client: Client, count: int, products: int) -> list[str]:
    """Post one FULL for each of `count` pharmacies; return the batch ids."""
    body = Catalogue(products).body()
    return [client.post_body(iter([body]), _HEADERS, cnpj).json()["batch_id"] for cnpj in load_real_cnpjs(count)]


def main(fulls: int, products: int) -> None:
    """Print the median and 95th percentile of the DELTA, without load and during the FULLs."""
    table = Table(title=f"a DELTA of 10 products, during {fulls} FULLs of {products:,}")
    for column in ("", "posts", "median s", "p95 s"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder, run_embedded_hub(Path(folder)) as client:
        quiet = [delta_seconds(client, price) for price in range(30)]
        ids = post_large_fulls(client, fulls, products)
        loaded: list[float] = []
        while not all(client.get(f"/v1/batches/{batch_id}")["finished_at"] for batch_id in ids):
            loaded.append(delta_seconds(client, 1000 + len(loaded)))
    for name, seconds in (("without load", quiet), ("during the FULLs", loaded)):
        p95 = statistics.quantiles(seconds, n=20)[-1]
        table.add_row(name, str(len(seconds)), f"{statistics.median(seconds):.3f}", f"{p95:.3f}")
    _OUT.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fulls", type=int, default=10)
    parser.add_argument("--products", type=int, default=200_000)
    arguments = parser.parse_args()
    main(arguments.fulls, arguments.products)
