"""Groups of batches without a common product, which one statement can apply together."""

from collections.abc import Iterable, Sequence


def conflict_free_groups(batches: Sequence[tuple[int, Iterable[int]]]) -> list[int]:
    """Return the group number of each batch, from 0; groups must be applied in this order.

    A batch is given as its pharmacy and its product ids, 0 for unreadable ones. It comes in a later group than every
    earlier batch of the same pharmacy that shares a product with it.
    """
    last: dict[tuple[int, int], int] = {}
    groups = []
    for pharmacy, ids in batches:
        products = [(pharmacy, product_id) for product_id in ids if product_id]
        number = 1 + max((last.get(product, -1) for product in products), default=-1)
        last |= dict.fromkeys(products, number)
        groups.append(number)
    return groups
