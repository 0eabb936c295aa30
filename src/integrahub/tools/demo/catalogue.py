"""The sample catalogue, changed as a day changes it; it knows what the hub should hold in the end."""

import gzip
import json
from importlib.resources import files
from typing import Any

CNPJ = "05927228000145"
Record = dict[str, Any]


def sample() -> list[Record]:
    """16,349 records of a real pharmacy's export; see samples/README.md."""
    packed = (files("integrahub") / "samples" / "catalogue.ndjson.gz").read_bytes()
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def encoded(records: list[Record]) -> bytes:
    """The records as a JSON array."""
    return json.dumps(records, ensure_ascii=False, separators=(",", ":")).encode()


class Catalogue:
    """Records by product id; what was removed is remembered."""

    def __init__(self, records: list[Record]) -> None:
        self.by_id: dict[int, Record] = {int(record["PRODUCTID"]): record for record in records}
        self.removed: dict[int, Record] = {}

    def records(self) -> list[Record]:
        """As a FULL has them."""
        return list(self.by_id.values())

    def raise_prices(self, every: int) -> list[Record]:
        """Raise each `every`-th product's price, and give the DELTA that says so."""
        changed = []
        for product_id in list(self.by_id)[::every]:
            price = round(float(self.by_id[product_id].get("PRICE") or 0) * 1.1 + 0.5, 2)
            self.by_id[product_id] = self.by_id[product_id] | {"PRICE": price}
            changed.append({"CNPJ": CNPJ, "PRODUCTID": product_id, "PRICE": price})
        return changed

    def remove(self, every: int, at_most: int) -> None:
        """Take each `every`-th product out, no more than `at_most`."""
        for product_id in list(self.by_id)[::every][:at_most]:
            self.removed[product_id] = self.by_id.pop(product_id)

    def expected(self) -> dict[int, tuple[Any, ...]]:
        """Title, price, stock, EAN and whether it is active, by product id."""
        return {
            product_id: (*_shown(record), product_id in self.by_id)
            for product_id, record in (self.by_id | self.removed).items()
        }


def _shown(record: Record) -> tuple[Any, ...]:
    price, stock = float(record.get("PRICE") or 0), float(record.get("QUANTITY") or 0)
    return record["TITLE"].strip(" \t\r\n"), price, stock, str(record.get("EAN") or "")
