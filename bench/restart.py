"""`python -m bench.restart`: cost of a rolling restart while four pharmacies post continuously."""

import argparse
import os
import signal
import tempfile
import threading
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

from bench.catalogue import Catalogue
from integrahub.client import ApiError, Client
from integrahub.supervisor import state_file
from integrahub.tools.devservices.distributed_hub import run_distributed_hub
from integrahub.tools.devservices.embedded_hub import run_embedded_hub

_OUT = Console()
_CNPJS = ("05927228000145", "33000167000101", "60746948000112", "00000000000191")
_HEADERS = {"Content-Type": "application/json", "X-Inova-Load-Type": "full"}
_POLL_INTERVAL_SECONDS = 0.05


@dataclass(slots=True)
class Load:
    """Clients that post until `done` is set; `ended` has the time and products of each batch."""

    products: int
    done: threading.Event = field(default_factory=threading.Event)
    ended: list[tuple[float, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def post(self, admin: Client, cnpj: str) -> None:
        """Post FULLs of one pharmacy one after another, each with new prices."""
        catalogue = Catalogue(self.products)
        with Client(admin.url, admin.call("POST", f"/admin/pharmacies/{cnpj}/api-key")["api_key"], retries=0) as client:
            while not self.done.is_set():
                catalogue.raise_all()
                try:
                    self._one(client, catalogue.body())
                except ApiError as refused:
                    self.errors.append(str(refused))

    def _one(self, client: Client, body: bytes) -> None:
        batch_id = client.post_body(iter([body]), _HEADERS).json()["batch_id"]
        pause = threading.Event()
        while not (batch := client.get(f"/v1/batches/{batch_id}"))["finished_at"]:
            pause.wait(_POLL_INTERVAL_SECONDS)
        self.ended.append((perf_counter(), self.products))
        if batch["inserted"] + batch["updated"] != self.products:
            self.errors.append(f"batch {batch_id}: {batch['inserted']} inserted, {batch['updated']} updated")

    def rates_within(self, since: float, until: float) -> tuple[str, str, str]:
        """Return seconds, products per second and the longest pause between two final batches in an interval."""
        within = sorted((at, count) for at, count in self.ended if since <= at < until)
        ends = [since, *(at for at, _ in within), until]
        longest = max(later - earlier for earlier, later in pairwise(ends))
        rate = sum(count for _, count in within) / (until - since)
        return f"{until - since:.0f}", f"{rate:,.0f}", f"{longest:.1f}"


def restart_all(folder: Path) -> None:
    """Restart every process of the supervisor on the folder, and wait until all are ready."""
    before = {worker["pid"] for worker in state_file.fetch_status(folder)["workers"]}
    os.kill(state_file.find_pid(folder), signal.SIGHUP)
    pause = threading.Event()
    while True:
        workers = state_file.fetch_status(folder)["workers"]
        if all(worker["state"] == "ready" and worker["pid"] not in before for worker in workers):
            return
        pause.wait(_POLL_INTERVAL_SECONDS)


def main(products: int, seconds: float, *, distributed: bool) -> None:
    """Print the rates before, during and after the restart, and all errors."""
    load = Load(products)
    table = Table(
        title=f"FULLs of {products:,} by {len(_CNPJS)} pharmacies, {'Kafka and S3' if distributed else 'embedded'}"
    )
    for column in ("", "seconds", "products/s", "longest pause s"):
        table.add_column(column, justify="right")
    running = run_distributed_hub if distributed else run_embedded_hub
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder, running(Path(folder)) as admin:
        threads = [threading.Thread(target=load.post, args=(admin, cnpj)) for cnpj in _CNPJS]
        for thread in threads:
            thread.start()
        pause = threading.Event()
        pause.wait(seconds)  # the first FULLs insert; they do not count
        times = [perf_counter()]
        for act in (
            lambda: pause.wait(seconds),
            lambda: restart_all(Path(folder) / "kept"),
            lambda: pause.wait(seconds),
        ):
            act()
            times.append(perf_counter())
        load.done.set()
        for thread in threads:
            thread.join()
    for name, (since, until) in zip(("before", "while all restart", "after"), pairwise(times), strict=True):
        table.add_row(name, *load.rates_within(since, until))
    _OUT.print(table, f"Errors: {load.errors or 'none'}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="before and after")
    parser.add_argument("--distributed", action="store_true", help="on Kafka and S3, started for it")
    arguments = parser.parse_args()
    main(arguments.products, arguments.seconds, distributed=arguments.distributed)
