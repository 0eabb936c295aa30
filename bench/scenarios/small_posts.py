"""Accept path: `load mega` compared with a Fastify endpoint, and `load requests`; both until all is applied."""

from collections.abc import Iterator

from bench.hub import Hub, running_hub
from bench.loads import lost_posts, run_load
from bench.measurement import Line, not_measured
from bench.peers.environments import PeerMissing
from bench.peers.fastify import fastify, post_small
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs
from integrahub.tools.loadtest.scenarios import build_deltas
from integrahub.tools.loadtest.socket_limits import max_connections

_PRODUCTS, _CONCURRENCY, _PHARMACIES = 10, 100, 100
_CONNECTIONS_GOAL = 10_000


def lines(sizes: Sizes) -> Iterator[Line]:
    """Run each load on a new hub."""
    connections = max_connections(min(sizes.at_once, sizes.requests))
    with running_hub() as hub:
        yield from _mega(hub, sizes.mega)
    with running_hub() as hub:
        yield from _requests(hub, sizes.requests, connections, min(_CONNECTIONS_GOAL, sizes.at_once))


def _mega(hub: Hub, posts: int) -> Iterator[Line]:
    result = run_load(hub, build_deltas("mega", posts, _PRODUCTS, _PHARMACIES, _CONCURRENCY))
    work = f"load mega, {posts:,} posts"
    yield lost_posts(work, result)
    yield Line(f"{work}: answer P95", "ms", result["p95_ms"], judged=result["p95_ms"], most=50)
    applied = result["applied_to_posting"]
    yield Line(f"{work}: all applied after", "x the time of posting", applied, judged=applied, most=1.3)
    yield _compare_with_fastify(hub, work, result["accepted_per_second"], posts)


def _compare_with_fastify(hub: Hub, work: str, ours: float, posts: int) -> Line:
    """Measure Fastify on the same PostgreSQL while the hub is idle."""
    try:
        with fastify(hub.database) as address:
            tally = post_small(address, load_real_cnpjs(_PHARMACIES), posts, _PRODUCTS, _CONCURRENCY)
    except PeerMissing as reason:
        return not_measured(f"{work}: accepted", str(reason))
    theirs = len(tally.accepted) / (tally.ended_at - tally.started_at)
    return Line(f"{work}: accepted", "posts/s", ours, "Fastify", theirs, ours / theirs, least=2)


def _requests(hub: Hub, posts: int, connections: int, least: int) -> Iterator[Line]:
    result = run_load(hub, build_deltas("requests", posts, 1, 1000, connections))
    work = f"load requests, {posts:,} posts"
    yield lost_posts(work, result)
    yield Line(f"{work}: at once", "connections", connections, judged=connections, least=least)
    note = f"P95 of the answer {result['p95_ms']:,.0f} ms, all applied after {result['applied_seconds']:,.0f} s"
    yield Line(f"{work}: accepted", "posts/s", result["accepted_per_second"], note=note)
    api = result["memory"]["api"]
    note = f"{api['first']:,.0f} MB before, {api['last']:,.0f} MB at the end"
    yield Line(f"{work}: largest API process", "MB", api["most"], note=note)
