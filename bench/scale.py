"""`python -m bench.scale`: what 10 M, 1 G and 10 G products a day need, from measured rates; the night is simulated.

A formula gives the mean; the night is what hurts: FULLs of all pharmacies come within a few hours, each pharmacy's
batches take turns, and a pharmacy lives in one database. So arrivals are drawn (seeded) and played against N databases.
"""

import argparse
import random
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

_OUT = Console()
_NIGHT = 4 * 3600  # seconds in which the FULLs come
_CATALOGUE = 16_349  # products of the sample's pharmacy


@dataclass(frozen=True, slots=True)
class Machine:
    """`rate` products a second of one machine of two cores with its own PostgreSQL; `price` an hour."""

    rate: float
    price: float


def waits(machines: int, products_a_day: int, rate: float, seed: int) -> list[float]:
    """Seconds from receipt to the end of each FULL of one night, sorted."""
    draw = random.Random(seed)
    sizes: list[int] = []
    total = 0
    while total < products_a_day and len(sizes) < 200_000:
        sizes.append(int(draw.lognormvariate(0, 0.8) * _CATALOGUE / 1.377))
        total += sizes[-1]
    scale = max(1.0, products_a_day / total)  # a sample of the pharmacies stands for all
    busy = [0.0] * machines
    found = []
    for at, size in sorted((draw.triangular(0, _NIGHT, _NIGHT / 3), size) for size in sizes):
        machine = draw.randrange(machines)  # by the hash of the CNPJ
        busy[machine] = max(busy[machine], at) + size * scale / rate
        found.append(busy[machine] - at)
    return sorted(found)


def needed(products_a_day: int, machine: Machine, within: float, seed: int) -> tuple[int, float, float]:
    """The fewest machines with 99 % of FULLs done `within` seconds; the median and that percentile."""
    machines = max(1, int(products_a_day / (machine.rate * _NIGHT)))
    while True:
        found = waits(machines, products_a_day, machine.rate, seed)
        p99 = found[int(len(found) * 0.99)]
        if p99 <= within:
            return machines, found[len(found) // 2], p99
        machines += max(1, machines // 10)


def main(machine: Machine, within: float, seed: int) -> None:
    """Print the table."""
    title = f"{machine.rate:,.0f} products/s a machine, 99 % within {within / 60:.0f} min, seed {seed}"
    table = Table(title=title)
    for column in ("products a day", "mean/s", "machines", "median wait s", "p99 wait s", "a month", "per M products"):
        table.add_column(column, justify="right")
    for products in (10_000_000, 1_000_000_000, 10_000_000_000):
        machines, median, p99 = needed(products, machine, within, seed)
        month = machines * machine.price * 730
        cells = (f"{products:,}", f"{products / 86400:,.0f}", str(machines), f"{median:.0f}", f"{p99:.0f}")
        table.add_row(*cells, f"{month:,.0f}", f"{month * 1e6 / (products * 30.4):.3f}")
    _OUT.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True, help="products/s of one machine, as `make bench` shows")
    parser.add_argument("--price", type=float, default=0.10, help="of a machine of two cores an hour")
    parser.add_argument("--within", type=float, default=1800.0, help="seconds for 99 of 100 FULLs")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    main(Machine(asked.rate, asked.price), asked.within, asked.seed)
