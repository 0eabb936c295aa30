"""How fast a body is taken in, and what the API weighs while several large ones stream in."""

import asyncio
import gzip
import ssl
import threading
from collections.abc import Iterator
from itertools import chain

from bench.catalogue import Catalogue
from bench.hub import Hub, applied, finished, running
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, drive
from integrahub.tools.loadtest.payloads import Heads, Post, real_cnpjs, small_posts
from integrahub.tools.loadtest.process_memory import remembered
from integrahub.tools.loadtest.report import percentiles
from integrahub.tools.loadtest.runner import on_a_fast_loop

_PLAIN, _PACKED, _SMALL, *_LARGE = real_cnpjs(30)
_RECORD = 500  # bytes of one, about
_BLOCK = 1 << 20  # bytes
_SETTINGS = {"MAX_PAYLOAD_SIZE": "1g"}


def lines(sizes: Sizes) -> Iterator[Line]:
    """Plain and gzip, each alone, then several streams beside small posts; those are not waited for."""
    body = Catalogue(sizes.body // _RECORD).body()
    with running(_SETTINGS) as hub:
        applied(hub.admin, _SMALL, Catalogue(1000).body())  # what it does first it does slowly
        for encoding, cnpj, least in (("", _PLAIN, 250), ("gzip", _PACKED, 100)):
            rate = _intake(hub, cnpj, body, encoding)
            work = f"POST of {len(body) / 1e6:,.0f} MB, {encoding or 'plain'}"
            yield Line(work, "MB/s of body", rate, judged=rate, least=least)
        yield from _streams(hub, body, sizes.streams)


def _intake(hub: Hub, cnpj: str, body: bytes, encoding: str) -> float:
    """Megabytes of body, inflated, a second from the first byte to the 202."""
    sent = gzip.compress(body, 6) if encoding else body
    tally, post = Tally(), _post(Heads(hub.admin.url, _key(hub), "full", encoding), cnpj, sent)
    on_a_fast_loop(drive(_road(hub), iter([post]), 1, tally))
    (batch_id,) = tally.accepted
    finished(hub.admin, batch_id)
    return len(body) / 1e6 / tally.seconds[0]


def _post(heads: Heads, cnpj: str, sent: bytes) -> Post:
    """A body made before, in blocks."""
    blocks = (sent[start : start + _BLOCK] for start in range(0, len(sent), _BLOCK))
    return Post(cnpj, 0, chain([heads.of(cnpj, len(sent))], blocks))


def _key(hub: Hub) -> str:
    return str(hub.admin.call("POST", "/admin/keys", json={"cnpjs": "all", "rate_limit": "off"})["api_key"])


def _road(hub: Hub) -> ConnectionPool:
    return ConnectionPool(hub.admin.url, ssl.create_default_context())


def _streams(hub: Hub, body: bytes, streams: int) -> Iterator[Line]:
    key, road = _key(hub), _road(hub)
    large, small = Heads(road.address, key, "full"), Heads(road.address, key, "delta")
    posts = (_post(large, cnpj, body) for cnpj in _LARGE[:streams])
    streamed, beside = Tally(), Tally()
    with remembered(hub.folder) as memory:
        on_a_fast_loop(_both(road, posts, streams, streamed, small, beside))
    work = f"{streams} bodies of {len(body) / 1e6:,.0f} MB stream in"
    note = f"{len(streamed.accepted)} taken in {streamed.ended - streamed.began:.1f} s"
    yield Line(f"{work}: largest API process", "MB", memory.most["api"], judged=memory.most["api"], most=100, note=note)
    p95 = percentiles([seconds * 1000 for seconds in beside.seconds])["p95_ms"]
    yield Line(f"{work}: small posts' P95", "ms", p95, judged=p95, most=50, note=f"{len(beside.seconds):,} posts")


async def _both(
    road: ConnectionPool, posts: Iterator[Post], streams: int, streamed: Tally, small: Heads, beside: Tally
) -> None:
    done = threading.Event()

    def few() -> Iterator[Post]:
        for post in small_posts(small, [_SMALL], 1_000_000, 10):
            if done.is_set():
                return
            yield post

    beside_them = asyncio.create_task(drive(road, few(), 1, beside))
    await drive(road, posts, streams, streamed)
    done.set()
    await beside_them
