"""`python -m bench.instrumentation`: what counting costs, the hub with it against the hub without it (`METRICS=false`).

With it, /metrics is scraped each second, fifteen times as often as shipped. The CPU of all the hub's processes,
PostgreSQL among them, is what is compared: other work on the machine disturbs rates, but not how much a post needs.
"""

import argparse
import resource
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import httpx
from rich.console import Console
from rich.table import Table

from bench.catalogue import Catalogue
from bench.hub import applied, seconds
from integrahub.cli.client import Client
from integrahub.cli.demo_catalogue import CNPJ, encoded
from integrahub.cli.embedded_run import embedded_run

_OUT = Console()
_HEADERS = {"Content-Type": "application/json", "X-Inova-Load-Type": "delta"}


@contextmanager
def scraping(url: str, every: float | None) -> Iterator[None]:
    """Somebody reads /metrics every so many seconds; None: nobody does."""
    done = threading.Event()

    def scrape() -> None:
        with httpx.Client(base_url=url, timeout=30) as http:
            while not done.wait(every):
                http.get("/metrics").raise_for_status()

    thread = threading.Thread(target=scrape)
    if every:
        thread.start()
    try:
        yield
    finally:
        done.set()
        if every:
            thread.join()


def post_small(client: Client, posts: int) -> float:
    """Posts of ten products a second, one after another; each another batch."""
    begun = perf_counter()
    for number in range(posts):
        records = [{"PRODUCTID": n, "TITLE": f"P {n}", "PRICE": number} for n in range(1, 11)]
        client.post_body(iter([encoded(records)]), _HEADERS, CNPJ)
    return posts / (perf_counter() - begun)


def run(products: int, posts: int, counted: bool) -> tuple[float, float, float]:
    """Products a second of a FULL, posts a second, and CPU seconds of the whole hub, start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    setting = str(counted).lower()
    with (
        tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
        embedded_run(Path(folder), settings={"METRICS": setting}) as admin,
    ):
        key = admin.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")["api_key"]
        with Client(admin.url, key) as client, scraping(admin.url, 1.0 if counted else None):
            rate = products / seconds(applied(client, CNPJ, Catalogue(products).body()))
            small = post_small(client, posts)
            never = threading.Event()
            while client.get("/v1/batches", limit=1)["items"][0]["finished_at"] is None:
                never.wait(0.1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return rate, small, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(products: int, posts: int, runs: int) -> None:
    """Print medians with and without, and the ratio of the CPU."""
    found: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    for number in range(2 * runs):
        counted = number % 4 in (0, 3)  # with, without, without, with: a drift of the machine cancels out
        found[counted].append(run(products, posts, counted))
    table = Table(title=f"{products:,} products and {posts:,} posts, median of {runs}")
    for column in ("", "products/s", "posts/s", "CPU s"):
        table.add_column(column, justify="right")
    medians = {
        counted: [statistics.median(column) for column in zip(*rows, strict=True)] for counted, rows in found.items()
    }
    for counted, told in ((False, "not counted"), (True, "counted and scraped")):
        rate, small, cpu = medians[counted]
        table.add_row(told, f"{rate:,.0f}", f"{small:,.0f}", f"{cpu:.2f}")
    _OUT.print(table)
    _OUT.print(f"CPU with against without: {medians[True][2] / medians[False][2]:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--posts", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=4)
    arguments = parser.parse_args()
    main(arguments.products, arguments.posts, arguments.runs)
