"""The accept path: `load mega` beside a Fastify endpoint, and `load requests`; and what they leave to be done."""

from collections.abc import Iterator

from bench.hub import Hub, running
from bench.loads import loaded, whole
from bench.measurement import Line, missing
from bench.peers.fastify import fastify, post_small
from bench.peers.parts import PeerMissing
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import real_cnpjs
from integrahub.tools.loadtest.scenarios import small
from integrahub.tools.loadtest.socket_limits import most_connections

_PRODUCTS, _AT_ONCE, _PHARMACIES = 10, 100, 100
_CONNECTIONS = 10_000  # the goal


def lines(sizes: Sizes) -> Iterator[Line]:
    """Each load on a fresh hub."""
    lanes = most_connections(min(sizes.at_once, sizes.requests))
    with running() as hub:
        yield from _mega(hub, sizes.mega)
    with running() as hub:
        yield from _requests(hub, sizes.requests, lanes, min(_CONNECTIONS, sizes.at_once))


def _mega(hub: Hub, posts: int) -> Iterator[Line]:
    found = loaded(hub, small("mega", posts, _PRODUCTS, _PHARMACIES, _AT_ONCE))
    work = f"load mega, {posts:,} posts"
    yield whole(work, found)
    yield Line(f"{work}: answer P95", "ms", found["p95_ms"], judged=found["p95_ms"], most=50)
    applied = found["applied_to_posting"]
    yield Line(f"{work}: all applied after", "x the time of posting", applied, judged=applied, most=1.3)
    yield _beside_fastify(hub, work, found["accepted_per_second"], posts)


def _beside_fastify(hub: Hub, work: str, ours: float, posts: int) -> Line:
    """Fastify on the same PostgreSQL, the hub idle."""
    try:
        with fastify(hub.database) as address:
            tally = post_small(address, real_cnpjs(_PHARMACIES), posts, _PRODUCTS, _AT_ONCE)
    except PeerMissing as reason:
        return missing(f"{work}: accepted", str(reason))
    theirs = len(tally.accepted) / (tally.ended - tally.began)
    return Line(f"{work}: accepted", "posts/s", ours, "Fastify", theirs, ours / theirs, least=2)


def _requests(hub: Hub, posts: int, lanes: int, least: int) -> Iterator[Line]:
    found = loaded(hub, small("requests", posts, 1, 1000, lanes))
    work = f"load requests, {posts:,} posts"
    yield whole(work, found)
    yield Line(f"{work}: at once", "connections", lanes, judged=lanes, least=least)
    told = f"P95 of the answer {found['p95_ms']:,.0f} ms, all applied after {found['applied_seconds']:,.0f} s"
    yield Line(f"{work}: accepted", "posts/s", found["accepted_per_second"], note=told)
    api = found["memory"]["api"]
    told = f"{api['first']:,.0f} MB before, {api['last']:,.0f} MB at the end"
    yield Line(f"{work}: largest API process", "MB", api["most"], note=told)
