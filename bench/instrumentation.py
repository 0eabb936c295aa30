"""`python -m bench.instrumentation`: cost of metrics, the hub with them against the hub without (`METRICS=false`).

With metrics, /metrics is scraped at the interval of deploy/prometheus. The benchmark compares user and system CPU of
all processes of the hub, PostgreSQL included, from the first post to the last final batch. Other work on the machine
disturbs rates, but not the CPU that a post needs. Runs go in pairs with alternating order, so that a drift cancels out.
"""

import argparse
import os
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx2
from rich.console import Console
from rich.table import Table

from bench.catalogue import Catalogue
from bench.hub import apply_full, processing_seconds
from integrahub.client import Client
from integrahub.tools.demo.catalogue import CNPJ, encode_records
from integrahub.tools.devservices.embedded_hub import run_embedded_hub

_OUT = Console()
_HEADERS = {"Content-Type": "application/json", "X-Inova-Load-Type": "delta"}
_INTERVAL_SECONDS = 15.0  # as in deploy/prometheus
_SCRAPES = 50


class Run(NamedTuple):
    """Products per second of a FULL, posts per second, CPU seconds of both together."""

    products: float
    posts: float
    cpu: float


def cpu_seconds(root: int | None = None) -> float:
    """Return the CPU seconds of all descendants of this process, or of `root` and its descendants.

    Those that ended are included.
    """
    parents, cpu, me = dict[int, int](), dict[int, float](), os.getpid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            own = fields[13:15] if int(entry.name) == me else fields[11:15]  # of this process only the children's share
            parents[int(entry.name)], cpu[int(entry.name)] = int(fields[1]), sum(map(int, own))
    family = {root or me}
    while more := {process for process, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(cpu[process] for process in family) / os.sysconf("SC_CLK_TCK")


@contextmanager
def scraping(url: str, every: float | None) -> Iterator[None]:
    """Scrape /metrics every `every` seconds until the block ends; do nothing if None."""
    done = threading.Event()

    def scrape() -> None:
        with httpx2.Client(base_url=url, timeout=30) as http:
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
    """Post batches of ten products one after another; return the posts per second."""
    started = perf_counter()
    for number in range(posts):
        records = [{"PRODUCTID": n, "TITLE": f"P {n}", "PRICE": number} for n in range(1, 11)]
        client.post_body(iter([encode_records(records)]), _HEADERS, CNPJ)
    return posts / (perf_counter() - started)


@contextmanager
def running_hub(*, counted: bool) -> Iterator[Client]:
    """Run a new hub that has already applied some posts; yield a client with a pharmacy's key."""
    with (
        tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
        run_embedded_hub(Path(folder), settings={"METRICS": str(counted).lower()}) as admin,
    ):
        key = admin.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")["api_key"]
        with Client(admin.url, key) as client:
            post_small(client, 20)
            _wait_until_done(client)
            yield client


def run(products: int, posts: int, every: float, *, counted: bool) -> Run:
    """Post one FULL, then small posts; return the rates and the CPU."""
    with running_hub(counted=counted) as client, scraping(client.url, every if counted else None):
        before = cpu_seconds()
        rate = products / processing_seconds(apply_full(client, CNPJ, Catalogue(products).body()))
        small = post_small(client, posts)
        _wait_until_done(client)
        return Run(rate, small, cpu_seconds() - before)


def measure_scrape() -> float:
    """Return the CPU seconds of one scrape: the cost of many, minus what an idle hub uses in the same time."""
    pause = threading.Event()
    with running_hub(counted=True) as client, httpx2.Client(base_url=client.url, timeout=30) as http:
        before, started = cpu_seconds(), perf_counter()
        for _ in range(_SCRAPES):
            http.get("/metrics").raise_for_status()
        used, took = cpu_seconds() - before, perf_counter() - started
        before = cpu_seconds()
        pause.wait(took)
        return max(0.0, used - (cpu_seconds() - before)) / _SCRAPES


def _wait_until_done(client: Client) -> None:
    pause = threading.Event()
    while client.get("/v1/batches", limit=1)["items"][0]["finished_at"] is None:
        pause.wait(0.1)


def main(products: int, posts: int, pairs: int, every: float) -> None:
    """Print the medians with and without metrics, the CPU ratio of each pair, and the cost of a scrape."""
    runs: dict[bool, list[Run]] = {True: [], False: []}
    for number in range(2 * pairs):
        counted = number % 4 in (0, 3)
        runs[counted].append(run(products, posts, every, counted=counted))
    table = Table(title=f"{products:,} products and {posts:,} posts, median of {pairs} pairs")
    for column in ("", "products/s", "posts/s", "CPU s"):
        table.add_column(column, justify="right")
    for counted, label in ((False, "not counted"), (True, f"counted, scraped each {every:g} s")):
        rate, small, cpu = (statistics.median(column) for column in zip(*runs[counted], strict=True))
        table.add_row(label, f"{rate:,.0f}", f"{small:,.0f}", f"{cpu:.2f}")
    _OUT.print(table)
    ratios = sorted(with_it.cpu / without.cpu for with_it, without in zip(runs[True], runs[False], strict=True))
    listed = ", ".join(f"{ratio:.3f}" for ratio in ratios)
    _OUT.print(f"CPU with against without, by pairs: {listed}; median {statistics.median(ratios):.3f}")
    scrape = measure_scrape()
    _OUT.print(
        f"one scrape: {1000 * scrape:.1f} ms of CPU, "
        f"{scrape / _INTERVAL_SECONDS:.2%} of a core every {_INTERVAL_SECONDS:g} s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--posts", type=int, default=2_000)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--every", type=float, default=_INTERVAL_SECONDS, help="seconds between scrapes")
    arguments = parser.parse_args()
    main(arguments.products, arguments.posts, arguments.pairs, arguments.every)
