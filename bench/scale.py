"""`python -m bench.scale --write`: machines for 10 M, 1 G and 10 G products a day, written to docs/why/scale.md.

The rates are measured on this machine, which should be idle otherwise. A formula would give only the mean. The night is
the problem: all pharmacies post FULLs within a few hours, batches of a pharmacy take turns, and a pharmacy is in one
database. So the benchmark draws arrivals (seeded) and simulates N databases.
"""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.catalogue import Catalogue
from bench.hub import apply_full, processing_seconds, running_hub
from integrahub.tools.demo.catalogue import CNPJ

_OUT = Console()
_PAGE = Path(__file__).parents[1] / "docs" / "why" / "scale.md"
_BEGIN, _END = "<!-- written by bench.scale -->", "<!-- until here -->"
DAYS = {10_000_000: "10 M", 1_000_000_000: "1 G", 10_000_000_000: "10 G"}
_NIGHT_SECONDS = 4 * 3600
_SAMPLE_PRODUCTS = 16_349


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of two cores with its own PostgreSQL: `rate` in products per second, `price` per hour."""

    rate: float
    price: float


def simulate_waits(machines: int, products_a_day: int, rate: float, seed: int) -> list[float]:
    """Return the seconds from receipt to final of each FULL of one night, sorted."""
    draw = random.Random(seed)
    sizes: list[int] = []
    total = 0
    while total < products_a_day and len(sizes) < 200_000:
        sizes.append(int(draw.lognormvariate(0, 0.8) * _SAMPLE_PRODUCTS / 1.377))
        total += sizes[-1]
    scale = max(1.0, products_a_day / total)  # a sample of the pharmacies represents all
    busy = [0.0] * machines
    seconds = []
    for at, size in sorted((draw.triangular(0, _NIGHT_SECONDS, _NIGHT_SECONDS / 3), size) for size in sizes):
        machine = draw.randrange(machines)  # by the hash of the CNPJ
        busy[machine] = max(busy[machine], at) + size * scale / rate
        seconds.append(busy[machine] - at)
    return sorted(seconds)


def find_machines(products_a_day: int, machine: Machine, within: float, seed: int) -> tuple[int, float, float]:
    """Return the fewest machines with 99 % of FULLs final `within` seconds, the median and that percentile."""
    machines = max(1, int(products_a_day / (machine.rate * _NIGHT_SECONDS)))
    while True:
        seconds = simulate_waits(machines, products_a_day, machine.rate, seed)
        p99 = seconds[int(len(seconds) * 0.99)]
        if p99 <= within:
            return machines, seconds[len(seconds) // 2], p99
        machines += max(1, machines // 10)


@dataclass(frozen=True, slots=True)
class Need:
    """Machines for a day's products; `month` is their cost in the currency of the price."""

    machines: int
    median: float
    p99: float
    month: float

    def price_per_million(self, products_a_day: int) -> float:
        """Return the price of a million products."""
        return self.month * 1e6 / (products_a_day * 30.4)


def estimate(products_a_day: int, machine: Machine, within: float, seed: int) -> Need:
    """Return the machines for a night and their price."""
    machines, median, p99 = find_machines(products_a_day, machine, within, seed)
    return Need(machines, median, p99, machines * machine.price * 730)


def measure_rates(products: int) -> tuple[float, float]:
    """Return the products per second of this machine: all new, and nothing changed."""
    catalogue = Catalogue(products)
    with running_hub() as hub:
        new, same = (processing_seconds(apply_full(hub.admin, CNPJ, catalogue.body())) for _ in range(2))
    return products / new, products / same


def render(machines: tuple[Machine, Machine], within: float, seed: int) -> str:
    """Return the generated block of docs/why/scale.md."""
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
            result = estimate(products, machine, within, seed)
            cells += [f"{result.machines:,}", f"{result.month:,.0f}", f"{result.price_per_million(products):.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def replace_block(page: str, block: str) -> str:
    """Return the page with the block between its marks."""
    before, rest = page.split(_BEGIN)
    return f"{before}{_BEGIN}\n{block}\n{_END}{rest.split(_END)[1]}"


def main(machines: tuple[Machine, Machine], within: float, seed: int, *, keep: bool) -> None:
    """Print the block; write it into the page if `keep`."""
    block = render(machines, within, seed)
    _OUT.print(block, highlight=False, markup=False, soft_wrap=True)
    if keep:
        _PAGE.write_text(replace_block(_PAGE.read_text("utf-8"), block), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs=2, metavar=("NEW", "UNCHANGED"), help="default: measured here")
    parser.add_argument("--products", type=int, default=100_000, help="of the catalogue that is measured")
    parser.add_argument("--price", type=float, default=0.10, help="of a machine of two cores an hour")
    parser.add_argument("--within", type=float, default=1800.0, help="seconds for 99 of 100 FULLs")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="into docs/why/scale.md")
    arguments = parser.parse_args()
    new, same = arguments.rates or measure_rates(arguments.products)
    main(
        (Machine(new, arguments.price), Machine(same, arguments.price)),
        arguments.within,
        arguments.seed,
        keep=arguments.write,
    )
