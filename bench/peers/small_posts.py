"""Rates of accepted small posts: of the hub, also while its workers are stopped, and of another endpoint."""

import os
import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from bench.hub import Hub
from integrahub.client import Client
from integrahub.supervisor.state_file import fetch_status
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, post_all
from integrahub.tools.loadtest.payloads import Heads, generate_small_posts
from integrahub.tools.loadtest.runner import run_with_uvloop

_PAUSE_SECONDS = 0.2
_MOST = 10_000_000  # posts of one poster, each unlike the others


class Poster:
    """Client of one endpoint: each of its posts is new, over many connections."""

    def __init__(self, address: str, key: str, cnpjs: list[str], products: int, concurrency: int) -> None:
        self._address = address
        self._posts = generate_small_posts(Heads(address, key, "delta"), cnpjs, _MOST, products)
        self._concurrency = concurrency

    def rate(self, posts: int) -> float:
        """Return the posts per second that the endpoint accepts."""
        tally, pool = Tally(), ConnectionPool(self._address, ssl.create_default_context())
        run_with_uvloop(post_all(pool, islice(self._posts, posts), self._concurrency, tally))
        assert len(tally.accepted) == posts, tally
        return posts / (tally.ended_at - tally.started_at)


@contextmanager
def stopped_workers(hub: Hub) -> Iterator[None]:
    """Stop all processes of the hub but the API and PostgreSQL, for less time than the supervisor kills them after."""
    workers = [worker["pid"] for worker in fetch_status(hub.folder)["workers"] if worker["step"] != "api"]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def wait_until_applied(client: Client) -> None:
    """Wait until no batch is in progress."""
    pause = threading.Event()
    for status in ("RECEIVED", "PROCESSING"):
        while client.get("/v1/batches", status=status, limit=1)["items"]:
            pause.wait(_PAUSE_SECONDS)
