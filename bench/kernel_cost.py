"""`python -m bench.kernel_cost`: CPU per product of FULLs, with the kernel and with `KERNEL=off`.

The benchmark compares user and system CPU of all processes of the hub, PostgreSQL included, from the post to the final
batch. Other work on the machine disturbs rates, but hardly the CPU that a product needs.
"""

import argparse
from collections.abc import Iterator

from rich.console import Console

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.instrumentation import cpu_seconds
from integrahub.tools.demo.catalogue import CNPJ

_OUT = Console(highlight=False, width=120)
_WORK = ("first load", "nothing changed", "all changed", "2 % changed")


def _loads(products: int) -> Iterator[tuple[str, bytes]]:
    catalogue = Catalogue(products)
    yield _WORK[0], catalogue.body()
    yield _WORK[1], catalogue.body()
    catalogue.raise_all()
    yield _WORK[2], catalogue.body()
    catalogue.raise_some(0.02)
    yield _WORK[3], catalogue.body()


def _measure(hub: Hub, products: int) -> dict[str, float]:
    """Return microseconds of CPU per product by kind of work."""
    costs = {}
    for work, body in _loads(products):
        hub.reset_state()
        before = cpu_seconds()
        apply_full(hub.admin, CNPJ, body)
        costs[work] = (cpu_seconds() - before) * 1e6 / products
    return costs


def main(products: int, rounds: int) -> None:
    """Measure hubs in alternating order, and print each figure and its ratio."""
    for number in range(rounds):
        costs = {}
        for kernel in ("off", "auto") if number % 2 == 0 else ("auto", "off"):
            with running_hub({"KERNEL": kernel}) as hub:
                costs[kernel] = _measure(hub, products)
        for work in _WORK:
            off, auto = costs["off"][work], costs["auto"][work]
            _OUT.print(f"{work:<16} {off:6.2f} us in Python, {auto:6.2f} us with the kernel, {auto / off:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.kernel_cost", description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    main(arguments.products, arguments.rounds)
