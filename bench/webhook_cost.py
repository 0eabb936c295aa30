"""`python -m bench.webhook_cost`: CPU of a post with webhook addresses against the CPU of a post without any.

One hub, small posts one after another. Its endpoints change between the runs: none; one per pharmacy that receives no
event of a batch; one that receives them and is disabled, so that the deliveries are stored and not sent. The CPU is
that of all processes of the hub, PostgreSQL included. Runs go in groups with changing order, so that a drift cancels
out.
"""

import argparse
import statistics
from itertools import permutations

import psycopg
from rich.console import Console

from bench.hub import Hub, running_hub
from bench.instrumentation import cpu_seconds, post_small
from integrahub.client import Client
from integrahub.tools.demo.catalogue import CNPJ

_OUT = Console()
_ENDPOINT = """
INSERT INTO webhook_endpoints (owner, pharmacy_id, url, host, events, sealed_secret, state, disabled_at)
SELECT 'pharmacy', id, 'https://receiver.example/', 'receiver.example:443', %s, 'x', %s,
  CASE %s WHEN 'disabled' THEN now() END FROM pharmacies
"""
_MODES = {
    "no endpoint": None,
    "endpoints of other events": (["pharmacy.silent"], "enabled"),
    "a delivery per batch": (["batch.completed"], "disabled"),
}


def set_endpoints(hub: Hub, mode: str) -> None:
    """Replace the endpoints of all pharmacies."""
    with psycopg.connect(hub.database, autocommit=True) as connection:
        connection.execute("TRUNCATE webhook_endpoints, webhook_deliveries")
        if chosen := _MODES[mode]:
            connection.execute(_ENDPOINT, [*chosen, chosen[1]])


def main(posts: int, groups: int) -> None:
    """Print the CPU of a post by mode, and the ratios of each group to the run without an endpoint."""
    used: dict[str, list[float]] = {mode: [] for mode in _MODES}
    orders = list(permutations(_MODES))
    with running_hub() as hub:
        key = hub.admin.call("POST", f"/admin/pharmacies/{CNPJ}/api-key")["api_key"]
        with Client(hub.admin.url, key) as client:
            post_small(client, 100)
            for number in range(groups):
                for mode in orders[number % len(orders)]:
                    set_endpoints(hub, mode)
                    before = cpu_seconds()
                    post_small(client, posts)
                    used[mode].append(1000 * (cpu_seconds() - before) / posts)
    without = used["no endpoint"]
    for mode, values in used.items():
        ratios = [value / base for value, base in zip(values, without, strict=True)]
        listed = ", ".join(f"{ratio:.3f}" for ratio in sorted(ratios))
        _OUT.print(f"{mode}: {statistics.median(values):.2f} ms a post, x {statistics.median(ratios):.3f} ({listed})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=500)
    parser.add_argument("--groups", type=int, default=12)
    arguments = parser.parse_args()
    main(arguments.posts, arguments.groups)
