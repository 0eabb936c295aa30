"""Catalogue of any size made from the sample: encoded once, prices are raised in place."""

import json
import random

from integrahub.tools.demo.catalogue import load_sample

_FIRST_ID = 10_000_001
_OVERWRITTEN_KEYS = ("CNPJ", "PRODUCTID", "PRICE")


class Catalogue:
    """Records in the order of their ids. `raises` counts how often each price was raised by 1."""

    def __init__(self, products: int, first_id: int = _FIRST_ID) -> None:
        records = load_sample()[:products]
        plain = [{name: value for name, value in record.items() if name not in _OVERWRITTEN_KEYS} for record in records]
        self._rests = [json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()[1:] for record in plain]
        self._prices = [float(record.get("PRICE") or 0) for record in records]
        self._bodies = 0
        self.first_id = first_id
        self.raises = [0] * products

    def __len__(self) -> int:
        return len(self.raises)

    def price(self, position: int) -> float:
        """Return the current price of one record."""
        return self._prices[position % len(self._prices)] + self.raises[position]

    def raise_all(self) -> None:
        """Raise every price."""
        self.raises = [count + 1 for count in self.raises]

    def raise_some(self, share: float) -> None:
        """Raise a share of the prices, chosen at random (the same ones in every run)."""
        for position in random.Random(7).sample(range(len(self)), int(len(self) * share)):
            self.raises[position] += 1

    def records(self) -> list[bytes]:
        """Return the current records, each encoded."""
        rests, count = self._rests, len(self._rests)
        return [
            b'{"PRODUCTID":%d,"PRICE":%.2f,%s' % (self.first_id + n, self.price(n), rests[n % count])
            for n in range(len(self))
        ]

    def body(self) -> bytes:
        """Return a JSON array of the records, rotated by one each time, so that no two bodies are identical."""
        records, offset = self.records(), self._bodies % len(self)
        self._bodies += 1
        return b"[%s]" % b",".join(records[offset:] + records[:offset])
