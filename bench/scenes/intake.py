"""How fast a body is taken in, and what the API weighs while several large ones stream in."""

import asyncio
import gzip
import ssl
import threading
from collections.abc import Iterator
from time import perf_counter

from bench.catalogue import Catalogue
from bench.hub import FULL, Hub, running
from bench.measured import Line
from bench.sizes import Sizes
from integrahub.cli.load.figures import percentiles
from integrahub.cli.load.lanes import Road, Tally, drive
from integrahub.cli.load.memory import remembered
from integrahub.cli.load.posts import Heads, Post, one_large, real_cnpjs, small_posts

_PLAIN, _PACKED, _SMALL, *_LARGE = real_cnpjs(30)
_RECORD = 590  # bytes of one, about
_SETTINGS = {"MAX_PAYLOAD_SIZE": "1g"}


def lines(sizes: Sizes) -> Iterator[Line]:
    """Plain and gzip alone, then several streams beside small posts; the batches themselves are not waited for."""
    body = Catalogue(sizes.body // _RECORD).body()
    for name, cnpj, least in (("plain", _PLAIN, 250), ("gzip", _PACKED, 100)):
        with running(_SETTINGS) as hub:
            rate = _intake(hub, cnpj, body, name)
        work = f"POST of {len(body) / 1e6:,.0f} MB, {name}"
        yield Line(work, "MB/s inflated", rate, judged=rate, least=least)
    with running(_SETTINGS) as hub:
        yield from _streams(hub, sizes)


def _intake(hub: Hub, cnpj: str, body: bytes, name: str) -> float:
    """Megabytes of body a second from the first byte to the 202."""
    sent = gzip.compress(body, 6) if name == "gzip" else body
    headers = FULL | {"Content-Length": str(len(sent))} | ({"Content-Encoding": "gzip"} if name == "gzip" else {})
    blocks = [sent[start : start + (1 << 20)] for start in range(0, len(sent), 1 << 20)]
    begun = perf_counter()
    hub.admin.post_body(iter(blocks), headers, cnpj)
    return len(body) / 1e6 / (perf_counter() - begun)


def _streams(hub: Hub, sizes: Sizes) -> Iterator[Line]:
    made = hub.admin.call("POST", "/admin/keys", json={"cnpjs": "all", "rate_limit": "off"})
    road = Road(hub.admin.url, ssl.create_default_context())
    large = Heads(road.address, made["api_key"], "full")
    posts = (post for cnpj in _LARGE[: sizes.streams] for post in one_large(large, cnpj, sizes.body // _RECORD))
    streamed, beside = Tally(), Tally()
    small = Heads(road.address, made["api_key"], "delta")
    with remembered(hub.folder) as memory:
        asyncio.run(_both(road, posts, sizes.streams, streamed, small, beside))
    work = f"{sizes.streams} bodies of {sizes.body / 1e6:,.0f} MB stream in"
    note = f"{len(streamed.accepted)} taken in {streamed.ended - streamed.began:.1f} s"
    yield Line(f"{work}: largest API process", "MB", memory.most["api"], judged=memory.most["api"], most=100, note=note)
    p95 = percentiles([seconds * 1000 for seconds in beside.seconds])["p95_ms"]
    yield Line(f"{work}: small posts' P95", "ms", p95, judged=p95, most=50, note=f"{len(beside.seconds):,} posts")


async def _both(road: Road, posts: Iterator[Post], streams: int, streamed: Tally, small: Heads, beside: Tally) -> None:
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
