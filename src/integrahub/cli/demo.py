"""`integrahub demo`: a real catalogue through a real hub, every figure read from the API and checked with the input."""

import tempfile
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from integrahub.adapters import extra
from integrahub.cli.client import Client
from integrahub.cli.demo_catalogue import CNPJ, Catalogue, Record, encoded, sample
from integrahub.cli.embedded_run import embedded_run
from integrahub.cli.following import bars, follow
from integrahub.cli.output import OUT, notify, say

_COUNTERS = ("inserted", "updated", "unchanged", "deactivated", "rejected")
_SETTLE = 11.0  # seconds: PostgreSQL's sessions report what they wrote at the latest 10 s after they fell idle
Row = dict[str, Any]


class Demo:
    """One run: what was posted, what the hub said of it, and what did not add up."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._admin = client
        self._progress = progress
        made = client.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")
        self._client = Client(client.url, made["api_key"])
        self.table = _table()
        self.faults: list[str] = []
        self.catalogue = Catalogue(sample())

    def close(self) -> None:
        """End the pharmacy's connections."""
        self._client.close()

    def run(self) -> None:
        """Every scene, in order."""
        catalogue = self.catalogue
        count = len(catalogue.by_id)
        self._load("FULL, the catalogue", catalogue.records(), "full", inserted=count)
        changed = catalogue.raise_prices(every=50)
        self._load("DELTA, 2 % new prices", changed, "delta", updated=len(changed))
        before = self._written()
        self._load("FULL, as it now stands", catalogue.records(), "full", unchanged=count)
        self._expect("rows written by a FULL that changes nothing", before, self._written())
        catalogue.remove(every=count // 100, at_most=100)
        rest = catalogue.records()
        gone = len(catalogue.removed)
        first = self._load("FULL without 100 of them", rest, "full", unchanged=len(rest), deactivated=gone)
        self._resend(rest, first)
        self._hold(rest[: len(rest) // 10])
        self._compare()

    def _load(self, title: str, records: list[Record], load_type: str, **expected: int) -> Row:
        task = self._progress.add_task(title, total=len(records))
        body = encoded(records)
        begun = perf_counter()
        answer = self._post(body, load_type)
        answered = perf_counter() - begun
        batch = follow(self._client, answer["batch_id"], self._progress, task)
        seconds = perf_counter() - begun
        self._expect(f"{title}: status", "COMPLETED", batch["status"])
        self._expect(f"{title}: records", len(records), batch["items_total"])
        for counter in _COUNTERS:
            self._expect(f"{title}: {counter}", expected.get(counter, 0), batch[counter])
        self._row(title, records, body, batch, answered, seconds)
        return batch

    def _post(self, body: bytes, load_type: str) -> Row:
        headers = {"X-Inova-Load-Type": load_type, "Content-Type": "application/json"}
        answer: Row = self._client.post_body(iter([body]), headers).json()
        return answer

    def _row(self, title: str, records: list[Record], body: bytes, batch: Row, answered: float, seconds: float) -> None:
        outcome = ", ".join(f"{batch[counter]:,} {counter}" for counter in _COUNTERS if batch[counter])
        sizes = f"{len(records):,}", f"{len(body) / 1e6:.1f}"
        self.table.add_row(title, *sizes, outcome, f"{answered * 1000:.0f}", f"{len(records) / seconds:,.0f}")

    def _resend(self, records: list[Record], first: Row) -> None:
        again = self._post(encoded(records), "full")
        self._expect("a resend's batch id", first["batch_id"], again["batch_id"])
        self.table.add_row("the same body again", f"{len(records):,}", "", "the same batch id", "", "")

    def _hold(self, records: list[Record]) -> None:
        active = len(self.catalogue.by_id)
        batch = self._load("FULL with only a tenth", records, "full", unchanged=len(records), deactivated=0)
        held = batch["deactivation"]
        self._expect("the tenth's deactivation", "held", held["state"])
        self._expect("products it would deactivate", active - len(records), held["candidates"])
        self._expect("a reason is given", True, bool(held["reason"]))
        self.table.caption = f"The last deactivation is held: {held['reason']}."

    def _written(self) -> Row:
        """The table's own counters, once the sessions that wrote have told theirs."""
        task = self._progress.add_task("letting row counters settle", total=int(_SETTLE * 10))
        end = perf_counter() + _SETTLE
        never = threading.Event()
        while (left := end - perf_counter()) > 0:
            self._progress.update(task, completed=int((_SETTLE - left) * 10))
            never.wait(0.2)
        self._progress.remove_task(task)
        written: Row = self._admin.get("/admin/tables/products")
        return written

    def _compare(self) -> None:
        """Every product the API shows is the input's, to the last price."""
        wanted = self.catalogue.expected()
        task = self._progress.add_task("comparing every product", total=len(wanted))
        seen: dict[int, tuple[Any, ...]] = {}
        query = {"limit": 100, "sort": "product_id", "include_inactive": "true"}
        pages = self._client.pages("/v1/products", lambda page: page["pagination"]["next_cursor"], **query)
        for item in pages:
            seen[item["id"]] = (item["title"], item["price"], item["stock"], item["ean"], item["isActive"])
            self._progress.advance(task)
        differing = [number for number in wanted.keys() | seen.keys() if wanted.get(number) != seen.get(number)]
        self._expect("products that differ from the input", [], differing[:5])

    def _expect(self, what: str, wanted: Any, found: Any) -> None:
        if wanted != found:
            self.faults.append(f"{what}: expected {wanted}, found {found}")


def _table() -> Table:
    table = Table(title="IntegraHub demo", caption_justify="left")
    table.add_column("batch")
    table.add_column("records", justify="right")
    table.add_column("MB", justify="right")
    table.add_column("what happened")
    table.add_column("answer ms", justify="right")
    table.add_column("products/s", justify="right")
    return table


def _distributed(folder: Path) -> AbstractContextManager[Client]:
    with extra("kafka"), extra("s3"):
        from integrahub.cli.distributed_run import distributed_run
    return distributed_run(folder)


def demo(
    distributed: Annotated[bool, typer.Option("--distributed", help="on Kafka and S3, started for it")] = False,
) -> int:
    """The real catalogue as FULL, DELTA and repeats through a hub in a temporary folder; 0 when all adds up.

    Example: integrahub demo --distributed
    """
    begun = perf_counter()
    with tempfile.TemporaryDirectory(prefix="integrahub-demo-") as folder:
        notify("Starting a hub of its own in a temporary folder...")
        start = _distributed if distributed else embedded_run
        with start(Path(folder)) as client, bars() as progress:
            run = Demo(client, progress)
            try:
                run.run()
            finally:
                run.close()
    OUT.print(run.table)
    if run.faults:
        say("\n  ".join(["These figures do not add up:", *run.faults]), "red")
        raise typer.Exit(1)
    products = len(run.catalogue.expected())
    seconds = perf_counter() - begun
    say(f"Every figure adds up; all {products:,} products equal the input. {seconds:.0f} s in all.")
    return 0
