"""Consumer of the change feed, as a client would write it. Imports nothing of the hub."""

import random
from dataclasses import dataclass, field
from typing import Any

# A FULL that changes nothing is no change, although it is later than the last time at which a product was seen.
_NOT_IN_FEED = ("lastSeenAt",)
Answer = tuple[int, dict[str, Any]]


@dataclass
class Consumer:
    """Copy of a catalogue, kept by polling. Each read has the parameters of `request`; its answer goes to `receive`."""

    products: dict[int, dict[str, Any]] = field(default_factory=dict)
    cursor: str = ""
    pages: int = 0
    resets: int = 0
    expired: int = 0
    deactivated: int = 0
    has_more: bool = True

    def request(self, limit: int) -> dict[str, Any]:
        """Return the parameters of the next read."""
        return {"limit": limit} | ({"cursor": self.cursor} if self.cursor else {})

    def receive(self, answer: Answer) -> None:
        """Apply a page: each item is the present state of its product."""
        status, page = answer
        self.pages += 1
        if status == 410:
            self.products, self.cursor, self.has_more = {}, "", True
            self.expired += 1
            return
        assert status == 200, page
        if page["reset"]:
            self.products = {}
            self.resets += 1
        else:
            self._apply(page["items"])
        self.cursor, self.has_more = page["next_cursor"], page["has_more"]

    def _apply(self, items: list[dict[str, Any]]) -> None:
        ids = [item["product_id"] for item in items]
        assert len(set(ids)) == len(ids), "a page has a product twice"
        seqs = [item["seq"] for item in items]
        assert seqs == sorted(seqs), "a page is out of order"
        for item in items:
            product = item["product"]
            self.deactivated += not product["isActive"]
            self.products[item["product_id"]] = shown(product)


def shown(product: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a product whose changes are in the feed."""
    return {name: value for name, value in product.items() if name not in _NOT_IN_FEED}


def draw_limit(draw: random.Random) -> int:
    """Draw the size of a page: one item, few, or the most."""
    return draw.choice([1, 2, 3, 7, 50, 1000])
