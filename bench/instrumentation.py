"""`python -m bench.instrumentation`: what counting costs, the hub with it against the hub without it (`METRICS=false`).

With it, /metrics is scraped as often as shipped. What is compared is the CPU, user and system, of all the hub's
processes, PostgreSQL among them, from the first post to the end of the last batch: other work on the machine disturbs
rates, but not how much a post needs. Runs go in pairs, with and without in turn first, so that a drift cancels out.
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

import httpx
from rich.console import Console
from rich.table import Table

from bench.catalogue import Catalogue
from bench.hub import applied, seconds
from integrahub.client.client import Client
from integrahub.tools.demo.catalogue import CNPJ, encode_records
from integrahub.tools.devservices.embedded_hub import run_embedded_hub

_OUT = Console()
_HEADERS = {"Content-Type": "application/json", "X-Inova-Load-Type": "delta"}
_SHIPPED = 15.0  # seconds between scrapes in deploy/prometheus
_SCRAPES = 50  # for the cost of one


class Run(NamedTuple):
    """Products of a FULL a second, posts a second, CPU seconds of both together."""

    products: float
    posts: float
    cpu: float


def cpu_seconds() -> float:
    """Of all processes this one started, and those they started, those that ended among them."""
    parents, spent, me = dict[int, int](), dict[int, float](), os.getpid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            own = fields[13:15] if int(entry.name) == me else fields[11:15]  # of this process only its children
            parents[int(entry.name)], spent[int(entry.name)] = int(fields[1]), sum(map(int, own))
    family = {me}
    while more := {process for process, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(spent[process] for process in family) / os.sysconf("SC_CLK_TCK")


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
        client.post_body(iter([encode_records(records)]), _HEADERS, CNPJ)
    return posts / (perf_counter() - begun)


@contextmanager
def hub(counted: bool) -> Iterator[Client]:
    """A hub of its own that has applied a little, and a client with a pharmacy's key."""
    with (
        tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
        run_embedded_hub(Path(folder), settings={"METRICS": str(counted).lower()}) as admin,
    ):
        key = admin.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")["api_key"]
        with Client(admin.url, key) as client:
            post_small(client, 20)
            _wait_until_done(client)
            yield client


def run(products: int, posts: int, every: float, counted: bool) -> Run:
    """One FULL, then small posts."""
    with hub(counted) as client, scraping(client.url, every if counted else None):
        before = cpu_seconds()
        rate = products / seconds(applied(client, CNPJ, Catalogue(products).body()))
        small = post_small(client, posts)
        _wait_until_done(client)
        return Run(rate, small, cpu_seconds() - before)


def one_scrape() -> float:
    """CPU seconds of one scrape: of many in a row, less what the hub spends in the same time when nobody asks."""
    never = threading.Event()
    with hub(counted=True) as client, httpx.Client(base_url=client.url, timeout=30) as http:
        before, begun = cpu_seconds(), perf_counter()
        for _ in range(_SCRAPES):
            http.get("/metrics").raise_for_status()
        asked, took = cpu_seconds() - before, perf_counter() - begun
        before = cpu_seconds()
        never.wait(took)
        return max(0.0, asked - (cpu_seconds() - before)) / _SCRAPES


def _wait_until_done(client: Client) -> None:
    never = threading.Event()
    while client.get("/v1/batches", limit=1)["items"][0]["finished_at"] is None:
        never.wait(0.1)


def main(products: int, posts: int, pairs: int, every: float) -> None:
    """Print medians with and without, the ratio of the CPU by pairs, and what a scrape costs."""
    found: dict[bool, list[Run]] = {True: [], False: []}
    for number in range(2 * pairs):
        counted = number % 4 in (0, 3)
        found[counted].append(run(products, posts, every, counted))
    table = Table(title=f"{products:,} products and {posts:,} posts, median of {pairs} pairs")
    for column in ("", "products/s", "posts/s", "CPU s"):
        table.add_column(column, justify="right")
    for counted, told in ((False, "not counted"), (True, f"counted, scraped each {every:g} s")):
        rate, small, cpu = (statistics.median(column) for column in zip(*found[counted], strict=True))
        table.add_row(told, f"{rate:,.0f}", f"{small:,.0f}", f"{cpu:.2f}")
    _OUT.print(table)
    ratios = sorted(with_it.cpu / without.cpu for with_it, without in zip(found[True], found[False], strict=True))
    told = ", ".join(f"{ratio:.3f}" for ratio in ratios)
    _OUT.print(f"CPU with against without, by pairs: {told}; median {statistics.median(ratios):.3f}")
    scrape = one_scrape()
    _OUT.print(f"one scrape: {1000 * scrape:.1f} ms of CPU, {scrape / _SHIPPED:.2%} of a core each {_SHIPPED:g} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--posts", type=int, default=2_000)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--every", type=float, default=_SHIPPED, help="seconds between scrapes")
    arguments = parser.parse_args()
    main(arguments.products, arguments.posts, arguments.pairs, arguments.every)
