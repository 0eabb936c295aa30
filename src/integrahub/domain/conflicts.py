"""Rounds: batches are applied side by side where nobody can tell, and one after the other where it matters."""

from collections.abc import Iterable, Sequence


def conflict_free_groups(batches: Sequence[tuple[int, Iterable[int]]]) -> list[int]:
    """The round of each batch, from 0. A batch tells its pharmacy and its product ids, 0 for those that are unreadable.

    A batch comes after every earlier one of its pharmacy that has a product in common with it.
    """
    last: dict[tuple[int, int], int] = {}
    found = []
    for pharmacy, ids in batches:
        products = [(pharmacy, product_id) for product_id in ids if product_id]
        number = 1 + max((last.get(product, -1) for product in products), default=-1)
        last |= dict.fromkeys(products, number)
        found.append(number)
    return found
