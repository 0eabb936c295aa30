"""`python -m bench.history`: cost of the record of changes, in CPU per product and in bytes per change.

Three hubs are compared: with values (`HISTORY=true`), without them (`HISTORY=false`), and, with `--against PYTHON`,
the hub of another installation, such as one made before the record of changes. Each run starts a new hub of each kind
and posts the same FULLs. The figure is the user and system CPU of all processes of the hub, PostgreSQL included, so
other work on the machine disturbs it little. The order alternates, and a ratio compares the hubs of one run.
"""

import argparse
import statistics
import sys
from typing import NamedTuple

import psycopg
from rich.console import Console
from rich.table import Table

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.instrumentation import cpu_seconds
from integrahub.tools.demo.catalogue import CNPJ

_OUT = Console()
_SIZES = """SELECT stock_only, count(*), (SELECT sum(pg_total_relation_size(t.relid)) FROM pg_partition_tree(
  CASE WHEN stock_only THEN 'product_changes_stock' ELSE 'product_changes_main' END::regclass) t WHERE t.isleaf)
FROM product_changes GROUP BY stock_only"""


class Variant(NamedTuple):
    """A hub to measure: its label, its settings, its interpreter."""

    label: str
    settings: dict[str, str]
    python: str = sys.executable


Costs = dict[str, float]  # microseconds of CPU per product, by work


def measure(hub: Hub, products: int) -> Costs:
    """Post a first FULL, then unchanged and changed ones; return their costs."""
    catalogue, costs = Catalogue(products), {}
    for work in ("first", "unchanged", "all changed", "2 % changed"):
        if work == "all changed":
            catalogue.raise_all()
        elif work == "2 % changed":
            catalogue.raise_some(0.02)
        body = catalogue.body()
        hub.reset_state()
        before = cpu_seconds()
        apply_full(hub.admin, CNPJ, body)
        costs[work] = (cpu_seconds() - before) / products * 1e6
    return costs


def bytes_per_change(hub: Hub) -> float:
    """Return the bytes of table and indexes per change, except those of the stock alone."""
    with psycopg.connect(hub.database) as connection:
        sizes = {stock_only: size / count for stock_only, count, size in connection.execute(_SIZES).fetchall()}
    return float(sizes[False])


def run(variant: Variant, products: int) -> tuple[Costs, float | None]:
    """Measure one new hub; return its costs, and the bytes per change of one that records changes."""
    with running_hub(variant.settings, variant.python) as hub:
        costs = measure(hub, products)
        return costs, bytes_per_change(hub) if variant.python == sys.executable else None


def main(variants: list[Variant], products: int, runs: int) -> None:
    """Print the medians of each hub, and the ratios to the last one, run by run."""
    costs: dict[str, list[Costs]] = {variant.label: [] for variant in variants}
    sizes: dict[str, float | None] = {}
    for number in range(runs):
        for variant in variants[:: -1 if number % 2 else 1]:
            measured, sizes[variant.label] = run(variant, products)
            costs[variant.label].append(measured)
    base = variants[-1].label
    table = Table(title=f"CPU in microseconds per product, median of {runs} runs of {products:,} products")
    for column in ("work", *costs, *(f"{label} / {base}" for label in costs if label != base)):
        table.add_column(column, justify="right")
    for work in costs[base][0]:
        medians = [f"{statistics.median(run[work] for run in mine):.1f}" for mine in costs.values()]
        table.add_row(
            work, *medians, *(_ratios(mine, costs[base], work) for mine in costs.values() if mine is not costs[base])
        )
    _OUT.print(table)
    for label, size in sizes.items():
        if size:
            _OUT.print(f"{label}: {size:.0f} bytes per change, with both indexes")


def _ratios(mine: list[Costs], base: list[Costs], work: str) -> str:
    ratios = sorted(one[work] / other[work] for one, other in zip(mine, base, strict=True))
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", metavar="PYTHON", help="interpreter of an installation to compare with")
    arguments = parser.parse_args()
    hubs = [Variant("values", {"HISTORY": "true"}), Variant("no values", {"HISTORY": "false"})]
    if arguments.against:
        hubs.append(Variant("other installation", {}, arguments.against))
    main(hubs, arguments.products, arguments.runs)
