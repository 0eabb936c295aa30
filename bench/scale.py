"""`python -m bench.scale --write`: what 10 M, 1 G and 10 G products a day need, from rates measured here, on a machine
that does nothing else; the night is simulated, and the page docs/why/scale.md says what came out.

A formula gives the mean; the night is what hurts: FULLs of all pharmacies come within a few hours, each pharmacy's
batches take turns, and a pharmacy lives in one database. So arrivals are drawn (seeded) and played against N databases.
"""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.catalogue import Catalogue
from bench.hub import applied, running, seconds
from integrahub.tools.demo.catalogue import CNPJ

_OUT = Console()
_PAGE = Path(__file__).parents[1] / "docs" / "why" / "scale.md"
_BEGIN, _END = "<!-- written by bench.scale -->", "<!-- until here -->"
DAYS = {10_000_000: "10 M", 1_000_000_000: "1 G", 10_000_000_000: "10 G"}
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


@dataclass(frozen=True, slots=True)
class Need:
    """What a day's products ask for: `month` is what the machines cost, in the currency of the price."""

    machines: int
    median: float
    p99: float
    month: float

    def by_million(self, products_a_day: int) -> float:
        """The price of a million products."""
        return self.month * 1e6 / (products_a_day * 30.4)


def need(products_a_day: int, machine: Machine, within: float, seed: int) -> Need:
    """The machines of a night and their price."""
    machines, median, p99 = needed(products_a_day, machine, within, seed)
    return Need(machines, median, p99, machines * machine.price * 730)


def measured(products: int) -> tuple[float, float]:
    """Products a second of one machine, this one: all new, and nothing changed."""
    catalogue = Catalogue(products)
    with running() as hub:
        new, same = (seconds(applied(hub.admin, CNPJ, catalogue.body())) for _ in range(2))
    return products / new, products / same


def rendered(machines: tuple[Machine, Machine], within: float, seed: int) -> str:
    """The block of docs/why/scale.md: the rates, and the night at both."""
    new, same = machines
    lines = [
        f"One machine of two cores with its own PostgreSQL inserts {new.rate:,.0f} new products a second and passes",
        f"{same.rate:,.0f} unchanged ones (`make bench`). With 99 of a hundred FULLs done within {within / 60:.0f}",
        f"minutes of their receipt and {new.price:.2f} an hour for a machine (seed {seed}):",
        "",
        "| products a day | mean a second | machines, all new | a month | per million "
        "| machines, all unchanged | a month | per million |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for products, name in DAYS.items():
        cells = [name, f"{products / 86400:,.0f}"]
        for machine in machines:
            found = need(products, machine, within, seed)
            cells += [f"{found.machines:,}", f"{found.month:,.0f}", f"{found.by_million(products):.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def written(page: str, block: str) -> str:
    """The page with the block between its marks."""
    before, rest = page.split(_BEGIN)
    return f"{before}{_BEGIN}\n{block}\n{_END}{rest.split(_END)[1]}"


def main(machines: tuple[Machine, Machine], within: float, seed: int, *, keep: bool) -> None:
    """Show the block, and put it into the page."""
    block = rendered(machines, within, seed)
    _OUT.print(block, highlight=False, markup=False, soft_wrap=True)
    if keep:
        _PAGE.write_text(written(_PAGE.read_text("utf-8"), block), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs=2, metavar=("NEW", "UNCHANGED"), help="absent: measured here")
    parser.add_argument("--products", type=int, default=100_000, help="of the catalogue that is measured")
    parser.add_argument("--price", type=float, default=0.10, help="of a machine of two cores an hour")
    parser.add_argument("--within", type=float, default=1800.0, help="seconds for 99 of 100 FULLs")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="into docs/why/scale.md")
    asked = parser.parse_args()
    new, same = asked.rates or measured(asked.products)
    main((Machine(new, asked.price), Machine(same, asked.price)), asked.within, asked.seed, keep=asked.write)
