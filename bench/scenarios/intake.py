"""Upload rate of large bodies, and memory of the API while several stream in."""

import asyncio
import gzip
import ssl
import threading
from collections.abc import Iterator
from itertools import chain

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub, wait_until_final
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, post_all
from integrahub.tools.loadtest.payloads import Heads, Post, generate_small_posts, load_real_cnpjs
from integrahub.tools.loadtest.process_memory import watch_memory
from integrahub.tools.loadtest.report import compute_percentiles
from integrahub.tools.loadtest.runner import run_with_uvloop

_PLAIN, _PACKED, _SMALL, *_LARGE = load_real_cnpjs(30)
_RECORD = 500  # bytes, about
_BLOCK = 1 << 20  # bytes
_SETTINGS = {"MAX_PAYLOAD_SIZE": "1g"}


def lines(sizes: Sizes) -> Iterator[Line]:
    """Measure plain and gzip alone, then several streams during small posts."""
    body = Catalogue(sizes.body // _RECORD).body()
    with running_hub(_SETTINGS) as hub:
        apply_full(hub.admin, _SMALL, Catalogue(1000).body())  # warm-up
        for encoding, cnpj, least in (("", _PLAIN, 250), ("gzip", _PACKED, 100)):
            rate = _upload_rate(hub, cnpj, body, encoding)
            work = f"POST of {len(body) / 1e6:,.0f} MB, {encoding or 'plain'}"
            yield Line(work, "MB/s of body", rate, judged=rate, least=least)
        yield from _streams(hub, body, sizes.streams)


def _upload_rate(hub: Hub, cnpj: str, body: bytes, encoding: str) -> float:
    """Return megabytes of decoded body per second, from the first byte to the 202."""
    sent = gzip.compress(body, 6) if encoding else body
    tally, post = Tally(), _post(Heads(hub.admin.url, hub.create_key(), "full", encoding), cnpj, sent)
    run_with_uvloop(post_all(_connect(hub), iter([post]), 1, tally))
    (batch_id,) = tally.accepted
    wait_until_final(hub.admin, batch_id)
    return len(body) / 1e6 / tally.seconds[0]


def _post(heads: Heads, cnpj: str, sent: bytes) -> Post:
    """Return a post that sends a prepared body in blocks."""
    blocks = (sent[start : start + _BLOCK] for start in range(0, len(sent), _BLOCK))
    return Post(cnpj, 0, chain([heads.build(cnpj, len(sent))], blocks))


def _connect(hub: Hub) -> ConnectionPool:
    return ConnectionPool(hub.admin.url, ssl.create_default_context())


def _streams(hub: Hub, body: bytes, streams: int) -> Iterator[Line]:
    key, pool = hub.create_key(), _connect(hub)
    large, small = Heads(pool.address, key, "full"), Heads(pool.address, key, "delta")
    posts = (_post(large, cnpj, body) for cnpj in _LARGE[:streams])
    streamed, small_posts_tally = Tally(), Tally()
    with watch_memory(hub.folder) as memory:
        run_with_uvloop(_both(pool, posts, streams, streamed, small, small_posts_tally))
    work = f"{streams} bodies of {len(body) / 1e6:,.0f} MB stream in"
    note = f"{len(streamed.accepted)} accepted in {streamed.ended_at - streamed.started_at:.1f} s"
    yield Line(f"{work}: largest API process", "MB", memory.most["api"], judged=memory.most["api"], most=100, note=note)
    p95 = compute_percentiles([seconds * 1000 for seconds in small_posts_tally.seconds])["p95_ms"]
    yield Line(
        f"{work}: small posts' P95", "ms", p95, judged=p95, most=50, note=f"{len(small_posts_tally.seconds):,} posts"
    )


async def _both(
    pool: ConnectionPool, posts: Iterator[Post], streams: int, streamed: Tally, small: Heads, small_tally: Tally
) -> None:
    done = threading.Event()

    def few() -> Iterator[Post]:
        for post in generate_small_posts(small, [_SMALL], 1_000_000, 10):
            if done.is_set():
                return
            yield post

    small_task = asyncio.create_task(post_all(pool, few(), 1, small_tally))
    await post_all(pool, posts, streams, streamed)
    done.set()
    await small_task
