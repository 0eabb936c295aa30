"""`python -m bench.history`: cost of the record of changes, in CPU per product and in bytes per change.

Three hubs are compared: with values (`HISTORY=true`), without them (`HISTORY=false`), and, with `--against PYTHON`,
the hub of another installation, such as one made before the record of changes. All run at the same time and get the
same FULLs, one after another in alternating order. The figure is the user and system CPU of all processes of the hubs,
PostgreSQL included, so other work on the machine disturbs it little. A ratio compares two hubs at the same FULL.
"""

import argparse
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psycopg
from rich.console import Console

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.instrumentation import cpu_seconds

_OUT = Console(highlight=False, soft_wrap=True)
_PHARMACIES = ("05927228000145", "33000167000101", "60746948000112", "00000000000191", "11222333000181")
_SIZES = """SELECT stock_only, count(*), (SELECT sum(pg_total_relation_size(t.relid)) FROM pg_partition_tree(
  CASE WHEN stock_only THEN 'product_changes_stock' ELSE 'product_changes_main' END::regclass) t WHERE t.isleaf)
FROM product_changes GROUP BY stock_only"""


class Variant(NamedTuple):
    """A hub to measure: its label, its settings, its interpreter."""

    label: str
    settings: dict[str, str]
    python: str = sys.executable


Costs = dict[str, list[float]]  # microseconds of CPU per product and FULL, by work
WORKS = ("first", "unchanged", "all changed", "all changed again", "2 % changed")


def measure(hubs: dict[str, Hub], products: int, runs: int) -> dict[str, Costs]:
    """Post each FULL of each run to all hubs in turn, the same for all; return their costs."""
    costs: dict[str, Costs] = {label: {work: [] for work in WORKS} for label in hubs}
    order = list(hubs)
    for run in range(runs):
        catalogue = Catalogue(products)
        cnpj = _PHARMACIES[run % len(_PHARMACIES)]
        for work in WORKS:
            if work.startswith("all changed"):
                catalogue.raise_all()
            elif work == "2 % changed":
                catalogue.raise_some(0.02)
            body = catalogue.body()
            for label in order:
                costs[label][work].append(_cost(hubs[label], cnpj, body) / products * 1e6)
            order.reverse()
    return costs


def _cost(hub: Hub, cnpj: str, body: bytes) -> float:
    """Return the seconds of CPU of all processes of the hub until a FULL is final."""
    hub.reset_state()
    supervisor = _supervisor_of(hub)
    before = cpu_seconds(supervisor)
    apply_full(hub.admin, cnpj, body)
    return cpu_seconds(supervisor) - before


def _supervisor_of(hub: Hub) -> int:
    """Return the process id of the hub's supervisor: the child of this process that names its folder."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    folder = str(hub.folder).encode()
    return next(int(child) for child in children if folder in Path(f"/proc/{child}/cmdline").read_bytes())


def bytes_per_change(hub: Hub) -> float:
    """Return the bytes of table and indexes per change, except those of the stock alone."""
    with psycopg.connect(hub.database) as connection:
        sizes = {stock_only: size / count for stock_only, count, size in connection.execute(_SIZES).fetchall()}
    return float(sizes[False])


def main(variants: list[Variant], products: int, runs: int) -> None:
    """Print the medians of each hub, and the ratios to the last one, FULL by FULL."""
    with ExitStack() as stack:
        hubs = {v.label: stack.enter_context(running_hub(v.settings, v.python)) for v in variants}
        costs = measure(hubs, products, runs)
        sizes = {v.label: bytes_per_change(hubs[v.label]) for v in variants if v.python == sys.executable}
    base = variants[-1].label
    _OUT.print(
        f"microseconds of CPU per product, {runs} runs of {products:,} products; ratios to {base}: median (range)"
    )
    for work in WORKS:
        for label, mine in costs.items():
            ratios = "" if label == base else _ratios(mine[work], costs[base][work])
            _OUT.print(f"{work:18} {label:20} {statistics.median(mine[work]):6.1f}  {ratios}")
    for label, size in sizes.items():
        _OUT.print(f"{label}: {size:.0f} bytes per change, with both indexes")


def _ratios(mine: list[float], base: list[float]) -> str:
    ratios = sorted(one / other for one, other in zip(mine, base, strict=True))
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", metavar="PYTHON", help="interpreter of an installation to compare with")
    parser.add_argument("--values-only", action="store_true", help="leave the hub with HISTORY=false out")
    arguments = parser.parse_args()
    hubs = [Variant("values", {"HISTORY": "true"})]
    if not arguments.values_only:
        hubs.append(Variant("no values", {"HISTORY": "false"}))
    if arguments.against:
        hubs.append(Variant("other installation", {}, arguments.against))
    main(hubs, arguments.products, arguments.runs)
