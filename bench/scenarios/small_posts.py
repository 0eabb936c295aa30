"""Accept path: `load mega` and `load requests` until all is applied, and small posts compared with Fastify.

The hub and Fastify take turns on one PostgreSQL; each ratio is the median of the rounds. The hub is measured twice:
with its workers stopped, which is the work that Fastify does, and while they apply what is accepted.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.hub import Hub, running_hub
from bench.loads import lost_posts, run_load
from bench.measurement import Line, compare, not_measured, rotate
from bench.peers.environments import PeerMissing
from bench.peers.fastify import fastify
from bench.peers.small_posts import Poster, stopped_workers, wait_until_applied
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs
from integrahub.tools.loadtest.scenarios import build_deltas
from integrahub.tools.loadtest.socket_limits import max_connections

_PRODUCTS, _CONCURRENCY, _PHARMACIES = 10, 100, 100
_CONNECTIONS_GOAL = 19_500
_MAX_P95_MS, _MAX_MEGABYTES = 10_000, 400  # of `load requests`
_ROUNDS = 5
_MAX_POSTS = 10_000  # of a round: workers are stopped for a few seconds
_HELD, _BESIDE, _FASTIFY = "workers stopped", "while all is applied", "Fastify"


def lines(sizes: Sizes) -> Iterator[Line]:
    """Run each load on a new hub."""
    connections = max_connections(min(sizes.at_once, sizes.requests))
    with running_hub() as hub:
        yield from _mega(hub, sizes.mega)
    with running_hub() as hub:
        yield from _compare_with_fastify(hub, min(sizes.mega, _MAX_POSTS))
    with running_hub() as hub:
        yield from _requests(hub, sizes.requests, connections, min(_CONNECTIONS_GOAL, sizes.at_once))


def _mega(hub: Hub, posts: int) -> Iterator[Line]:
    result = run_load(hub, build_deltas("mega", posts, _PRODUCTS, _PHARMACIES, _CONCURRENCY))
    work = f"load mega, {posts:,} posts"
    yield lost_posts(work, result)
    yield Line(f"{work}: answer P95", "ms", result["p95_ms"], judged=result["p95_ms"], most=50)
    applied = result["applied_to_posting"]
    yield Line(f"{work}: all applied after", "x the time of posting", applied, judged=applied, most=1.3)


def _compare_with_fastify(hub: Hub, posts: int) -> Iterator[Line]:
    """Measure the hub and Fastify on the same PostgreSQL in turn."""
    work = f"small posts, {posts:,} a round"
    ours = Poster(hub.admin.url, hub.create_key(), load_real_cnpjs(_PHARMACIES), _PRODUCTS, _CONCURRENCY)
    try:
        with fastify(hub.database) as address:
            theirs = Poster(address, "no-key", load_real_cnpjs(_PHARMACIES), _PRODUCTS, _CONCURRENCY)
            rates = _take_turns(hub, ours, theirs, posts)
    except PeerMissing as reason:
        yield not_measured(work, str(reason))
        return
    for variant, least in ((_HELD, 2.0), (_BESIDE, 1.2)):
        line = compare(f"{work}: accepted, {variant}", rates[variant], _FASTIFY, rates[_FASTIFY], least)
        yield replace(line, unit="posts/s")


def _take_turns(hub: Hub, ours: Poster, theirs: Poster, posts: int) -> dict[str, list[float]]:
    """Return the posts per second of each round: with the workers stopped, while they run, and of the peer."""

    def held() -> float:
        with stopped_workers(hub):
            return ours.rate(posts)

    measures: list[tuple[str, Callable[[], float]]] = [
        (_HELD, held),
        (_BESIDE, lambda: ours.rate(posts)),
        (_FASTIFY, lambda: theirs.rate(posts)),
    ]
    rates: dict[str, list[float]] = defaultdict(list)
    for number in range(_ROUNDS):
        for name, measure in rotate(measures, number):
            wait_until_applied(hub.admin)
            hub.reset_state()
            rates[name].append(measure())
    return rates


def _requests(hub: Hub, posts: int, connections: int, least: int) -> Iterator[Line]:
    result = run_load(hub, build_deltas("requests", posts, 1, 1000, connections))
    work = f"load requests, {posts:,} posts"
    yield lost_posts(work, result)
    yield Line(f"{work}: at once", "connections", connections, judged=connections, least=least)
    note = f"all applied after {result['applied_seconds']:,.0f} s"
    yield Line(f"{work}: accepted", "posts/s", result["accepted_per_second"], note=note)
    yield Line(f"{work}: answer P95", "ms", result["p95_ms"], judged=result["p95_ms"], most=_MAX_P95_MS)
    api = result["memory"]["api"]
    note = f"{api['first']:,.0f} MB before, {api['last']:,.0f} MB at the end"
    yield Line(f"{work}: largest API process", "MB", api["most"], judged=api["most"], most=_MAX_MEGABYTES, note=note)
