"""`integrahub demo`: a real catalogue through a real hub, every figure read from the API and checked with the input."""

import tempfile
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.progress import Progress

from integrahub.client.client import Client
from integrahub.client.language import Lang, in_both, language, number
from integrahub.domain.languages import Language
from integrahub.hub.adapters import extra
from integrahub.tools.demo.catalogue import CNPJ, Catalogue, Record, encoded, sample
from integrahub.tools.devservices.embedded_hub import embedded_run
from integrahub.tools.terminal.output import notify, say, show_rows
from integrahub.tools.terminal.progress import bars, follow

_COUNTERS = ("inserted", "updated", "unchanged", "deactivated", "rejected")
_PORTUGUESE = dict(zip(_COUNTERS, ("inseridos", "atualizados", "iguais", "desativados", "rejeitados"), strict=True))
_STARTING = "Starting a hub of its own in a temporary folder..."
_SETTLE = 11.0  # seconds: PostgreSQL's sessions report what they wrote at the latest 10 s after they fell idle
Row = dict[str, Any]


class Demo:
    """One run: what was posted, what the hub said of it, and what did not add up."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._admin = client
        self._progress = progress
        made = client.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")
        self._client = Client(client.url, made["api_key"])
        self.rows: list[Row] = []
        self.caption = ""
        self.faults: list[str] = []
        self.catalogue = Catalogue(sample())

    def close(self) -> None:
        """End the pharmacy's connections."""
        self._client.close()

    def run(self) -> None:
        """Every scene, in order."""
        catalogue = self.catalogue
        count = len(catalogue.by_id)
        self._load(in_both("FULL, o catálogo", "FULL, the catalogue"), catalogue.records(), "full", inserted=count)
        changed = catalogue.raise_prices(every=50)
        title = in_both("DELTA, 2 % dos preços", "DELTA, 2 % new prices")
        self._load(title, changed, "delta", updated=len(changed))
        before = self._written()
        title = in_both("FULL, como está agora", "FULL, as it now stands")
        self._load(title, catalogue.records(), "full", unchanged=count)
        self._expect("rows written by a FULL that changes nothing", before, self._written())
        catalogue.remove(every=count // 100, at_most=100)
        rest = catalogue.records()
        gone = len(catalogue.removed)
        title = in_both("FULL sem 100 deles", "FULL without 100 of them")
        first = self._load(title, rest, "full", unchanged=len(rest), deactivated=gone)
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
        counted = {counter: batch[counter] for counter in _COUNTERS if batch[counter]}
        outcome = ", ".join(f"{number(count)} {in_both(_PORTUGUESE[name], name)}" for name, count in counted.items())
        self._add(title, number(len(records)), outcome, number(len(records) / seconds), answered * 1000, len(body))

    def _add(self, title: str, records: str, outcome: str, rate: str, answer: float | None, size: int | None) -> None:
        told = number(answer) if answer is not None else "", number(size / 1e6, 1) if size is not None else ""
        self.rows.append(dict(zip(_columns(), (title, records, outcome, rate, *told), strict=True)))

    def _resend(self, records: list[Record], first: Row) -> None:
        again = self._post(encoded(records), "full")
        self._expect("a resend's batch id", first["batch_id"], again["batch_id"])
        same = in_both("o mesmo batch_id", "the same batch_id")
        self._add(in_both("o mesmo corpo de novo", "the same body again"), number(len(records)), same, "", None, None)

    def _hold(self, records: list[Record]) -> None:
        active = len(self.catalogue.by_id)
        batch = self._load(
            in_both("FULL com só um décimo", "FULL with only a tenth"),
            records,
            "full",
            unchanged=len(records),
            deactivated=0,
        )
        held = batch["deactivation"]
        self._expect("the tenth's deactivation", "held", held["state"])
        self._expect("products it would deactivate", active - len(records), held["candidates"])
        self._expect("a reason is given", True, bool(held["reason"]))
        reason = held["reason_pt"] if language() is Language.PT else held["reason"]
        self.caption = f"{in_both('A última desativação aguarda decisão', 'The last deactivation is held')}: {reason}."

    def _written(self) -> Row:
        """The table's own counters, once the sessions that wrote have told theirs."""
        task = self._progress.add_task(
            in_both("esperando os contadores", "letting row counters settle"), total=int(_SETTLE * 10)
        )
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
        task = self._progress.add_task(in_both("comparando cada produto", "comparing every product"), total=len(wanted))
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


def _columns() -> tuple[str, ...]:
    """The columns of the table, the least important last."""
    english = ("batch", "records", "what happened", "products/s", "answer ms", "MB")
    portuguese = ("lote", "registros", "resultado", "produtos/s", "resposta ms", "MB")
    return portuguese if language() is Language.PT else english


def _distributed(folder: Path) -> AbstractContextManager[Client]:
    with extra("kafka"), extra("s3"):
        from integrahub.tools.devservices.distributed_hub import distributed_run
    return distributed_run(folder)


def demo(
    distributed: Annotated[bool, typer.Option("--distributed", help="on Kafka and S3, started for it")] = False,
    lang: Lang = None,
) -> int:
    """The real catalogue as FULL, DELTA and repeats through a hub in a temporary folder; 0 when all adds up.

    Example: integrahub demo --distributed
    """
    begun = perf_counter()
    with tempfile.TemporaryDirectory(prefix="integrahub-demo-") as folder:
        notify(in_both("Iniciando um hub próprio em uma pasta temporária...", _STARTING))
        start = _distributed if distributed else embedded_run
        with start(Path(folder)) as client, bars() as progress:
            run = Demo(client, progress)
            try:
                run.run()
            finally:
                run.close()
    return _told(run, perf_counter() - begun)


def _told(run: Demo, seconds: float) -> int:
    show_rows(run.rows, _columns(), more=in_both("Um terminal mais largo as mostra.", "A wider terminal shows them."))
    say(run.caption)
    if run.faults:
        say("\n  ".join([in_both("Estes números não fecham:", "These figures do not add up:"), *run.faults]), "red")
        return 1
    products, took = number(len(run.catalogue.expected())), number(seconds)
    portuguese = f"Todos os números fecham; os {products} produtos são iguais à entrada. {took} s ao todo."
    say(in_both(portuguese, f"Every figure adds up; all {products} products equal the input. {took} s in all."))
    return 0
