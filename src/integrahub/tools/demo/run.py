"""The demo: post a real catalogue to a real hub and check every figure that its API returns."""

import threading
from time import perf_counter
from typing import Any

from rich.progress import Progress

from integrahub.client import Batch, Client
from integrahub.domain.languages import Language
from integrahub.tools.demo.catalogue import CNPJ, Catalogue, Record, encode_records, load_sample
from integrahub.tools.terminal.language import current_language, format_number, select_text
from integrahub.tools.terminal.progress import follow

_COUNTERS = ("inserted", "updated", "unchanged", "deactivated", "rejected")
_PORTUGUESE = dict(zip(_COUNTERS, ("inseridos", "atualizados", "iguais", "desativados", "rejeitados"), strict=True))
_ROW_COUNTERS_DELAY_SECONDS = 11.0  # an idle session of PostgreSQL reports the rows it wrote within 10 s
_BAR_STEPS_PER_SECOND = 10
_BAR_INTERVAL_SECONDS = 0.2
_RAISE_EVERY = 50  # every fiftieth product gets a new price: 2 %
_MAX_REMOVED = 100
Row = dict[str, Any]


class Demo:
    """One run of the demo: a row per post, and the figures that do not add up."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._admin = client
        self._progress = progress
        created = client.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")
        self._client = client.with_key(created["api_key"])
        self.rows: list[Row] = []
        self.caption = ""
        self.faults: list[str] = []
        self.catalogue = Catalogue(load_sample())

    def close(self) -> None:
        """Close the pharmacy's connections."""
        self._client.close()

    def run(self) -> None:
        """Run every scene in order."""
        count = len(self.catalogue.by_id)
        title = select_text("FULL, o catálogo", "FULL, the catalogue")
        self._load(title, self.catalogue.records(), "full", inserted=count)
        changed = self.catalogue.raise_prices(every=_RAISE_EVERY)
        self._load(
            select_text("DELTA, 2 % dos preços", "DELTA, 2 % new prices"), changed, "delta", updated=len(changed)
        )
        before = self._rows_written()
        title = select_text("FULL, como está agora", "FULL, as it now stands")
        self._load(title, self.catalogue.records(), "full", unchanged=count)
        self._expect("rows written by a FULL that changes nothing", before, self._rows_written())
        self.catalogue.remove(every=count // _MAX_REMOVED, at_most=_MAX_REMOVED)
        rest = self.catalogue.records()
        title = select_text("FULL sem 100 deles", "FULL without 100 of them")
        removed = len(self.catalogue.removed)
        first = self._load(title, rest, "full", unchanged=len(rest), deactivated=removed)
        self._resend(rest, first)
        self._post_a_tenth(rest[: len(rest) // 10])
        self._compare_products()

    def _load(self, title: str, records: list[Record], load_type: str, **expected: int) -> Row:
        """Post, follow the batch to its end, check its counters and add a row."""
        task = self._progress.add_task(title, total=len(records))
        body = encode_records(records)
        started = perf_counter()
        answer = self._post(body, load_type)
        answered = perf_counter() - started
        batch = follow(Batch(self._client, answer), self._progress, task)
        seconds = perf_counter() - started
        self._expect(f"{title}: status", "COMPLETED", batch["status"])
        self._expect(f"{title}: records", len(records), batch["items_total"])
        for counter in _COUNTERS:
            self._expect(f"{title}: {counter}", expected.get(counter, 0), batch[counter])
        rate = format_number(len(records) / seconds)
        self._add_row(title, records, _outcome(batch), rate, format_number(answered * 1000), _megabytes(body))
        return batch

    def _post(self, body: bytes, load_type: str) -> Row:
        headers = {"X-Inova-Load-Type": load_type, "Content-Type": "application/json"}
        answer: Row = self._client.post_body(iter([body]), headers).json()
        return answer

    def _add_row(self, title: str, records: list[Record], outcome: str, *figures: str) -> None:
        rate, answer, size = figures or ("", "", "")
        values = (title, format_number(len(records)), outcome, rate, answer, size)
        self.rows.append(dict(zip(columns(), values, strict=True)))

    def _resend(self, records: list[Record], first: Row) -> None:
        answer = self._post(encode_records(records), "full")
        self._expect("a resend's batch id", first["batch_id"], answer["batch_id"])
        title = select_text("o mesmo corpo de novo", "the same body again")
        self._add_row(title, records, select_text("o mesmo batch_id", "the same batch_id"))

    def _post_a_tenth(self, records: list[Record]) -> None:
        """Post a FULL that lacks nine tenths of the products: the hub must hold its deactivation."""
        active = len(self.catalogue.by_id)
        title = select_text("FULL com só um décimo", "FULL with only a tenth")
        held = self._load(title, records, "full", unchanged=len(records), deactivated=0)["deactivation"]
        self._expect("the tenth's deactivation", "held", held["state"])
        self._expect("products it would deactivate", active - len(records), held["candidates"])
        self._expect("a reason is given", True, bool(held["reason"]))
        reason = held["reason_pt"] if current_language() is Language.PT else held["reason"]
        prefix = select_text("A última desativação aguarda decisão", "The last deactivation is held")
        self.caption = f"{prefix}: {reason}."

    def _rows_written(self) -> Row:
        """Return PostgreSQL's counters of rows written to the products, after all sessions have reported theirs."""
        title = select_text("esperando os contadores", "letting row counters settle")
        total = int(_ROW_COUNTERS_DELAY_SECONDS * _BAR_STEPS_PER_SECOND)
        task = self._progress.add_task(title, total=total)
        end, never = perf_counter() + _ROW_COUNTERS_DELAY_SECONDS, threading.Event()
        while (left := end - perf_counter()) > 0:
            self._progress.update(task, completed=total - int(left * _BAR_STEPS_PER_SECOND))
            never.wait(_BAR_INTERVAL_SECONDS)
        self._progress.remove_task(task)
        counters: Row = self._admin.get("/admin/tables/products")
        return counters

    def _compare_products(self) -> None:
        """Compare every product that the API returns with the input, field by field."""
        expected = self.catalogue.expected()
        title = select_text("comparando cada produto", "comparing every product")
        task = self._progress.add_task(title, total=len(expected))
        stored: dict[int, tuple[Any, ...]] = {}
        query = {"limit": 100, "sort": "product_id", "include_inactive": "true"}
        for item in self._client.products(**query):
            stored[item["id"]] = (item["title"], item["price"], item["stock"], item["ean"], item["isActive"])
            self._progress.advance(task)
        ids = expected.keys() | stored.keys()
        differing = [product_id for product_id in ids if expected.get(product_id) != stored.get(product_id)]
        self._expect("products that differ from the input", [], differing[:5])

    def _expect(self, name: str, expected: Any, actual: Any) -> None:
        if expected != actual:
            self.faults.append(f"{name}: expected {expected}, found {actual}")


def columns() -> tuple[str, ...]:
    """Return the columns of the table, the least important last."""
    english = ("batch", "records", "what happened", "products/s", "answer ms", "MB")
    portuguese = ("lote", "registros", "resultado", "produtos/s", "resposta ms", "MB")
    return portuguese if current_language() is Language.PT else english


def _outcome(batch: Row) -> str:
    counts = {counter: batch[counter] for counter in _COUNTERS if batch[counter]}
    return ", ".join(f"{format_number(count)} {select_text(_PORTUGUESE[name], name)}" for name, count in counts.items())


def _megabytes(body: bytes) -> str:
    return format_number(len(body) / 1e6, 1)
