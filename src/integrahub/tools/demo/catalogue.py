"""The sample catalogue, its changes during the demo, and what the hub must hold afterwards."""

import gzip
import json
from importlib.resources import files
from typing import Any

from integrahub.domain.dialects.inovafarma.keys import KEYS

__all__ = ["CNPJ", "KEYS", "Catalogue", "Record", "encode_records", "load_sample"]
CNPJ = "05927228000145"
Record = dict[str, Any]


def load_sample() -> list[Record]:
    """Return 16,349 records of a real pharmacy's export; see samples/README.md."""
    packed = (files("integrahub") / "samples" / "catalogue.ndjson.gz").read_bytes()
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def encode_records(records: list[Record]) -> bytes:
    """Return the records as a JSON array."""
    return json.dumps(records, ensure_ascii=False, separators=(",", ":")).encode()


class Catalogue:
    """Records by product id, with those that were removed."""

    def __init__(self, records: list[Record]) -> None:
        self.by_id: dict[int, Record] = {int(record[KEYS.product_id]): record for record in records}
        self.removed: dict[int, Record] = {}

    def records(self) -> list[Record]:
        """Return the records of a FULL."""
        return list(self.by_id.values())

    def raise_prices(self, every: int) -> list[Record]:
        """Raise the price of each `every`-th product; return the records of a DELTA with the new prices."""
        changed = []
        for product_id in list(self.by_id)[::every]:
            price = round(float(self.by_id[product_id].get(KEYS.price) or 0) * 1.1 + 0.5, 2)
            self.by_id[product_id] = self.by_id[product_id] | {KEYS.price: price}
            changed.append({KEYS.cnpj: CNPJ, KEYS.product_id: product_id, KEYS.price: price})
        return changed

    def remove(self, every: int, at_most: int) -> None:
        """Remove each `every`-th product, at most `at_most` of them."""
        for product_id in list(self.by_id)[::every][:at_most]:
            self.removed[product_id] = self.by_id.pop(product_id)

    def expected(self) -> dict[int, tuple[Any, ...]]:
        """Return title, price, stock, EAN and whether it is active, by product id, as the API must return them."""
        return {
            product_id: (*_shown_fields(record), product_id in self.by_id)
            for product_id, record in (self.by_id | self.removed).items()
        }


def _shown_fields(record: Record) -> tuple[Any, ...]:
    price, stock = float(record.get(KEYS.price) or 0), float(record.get(KEYS.stock) or 0)
    return record[KEYS.title].strip(" \t\r\n"), price, stock, str(record.get(KEYS.ean) or "")
