"""A Fastify endpoint that stores each body with fsync, inserts a row with commit, and answers 202; one process."""

import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.parts import node, place_of, placed
from integrahub.tools.devservices.program import end, free_ports
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, drive
from integrahub.tools.loadtest.payloads import Heads, small_posts
from integrahub.tools.loadtest.runner import on_a_fast_loop

_SCRIPT = Path(__file__).parent / "fastify.mjs"


@contextmanager
def fastify(database: str) -> Iterator[str]:
    """Its address while it runs; PeerMissing where Node cannot run."""
    program, folder = node()
    (port,) = free_ports(1)
    socket, environment = place_of(database)
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as bodies:
        command = [program, str(placed(_SCRIPT, folder)), socket, bodies, str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        try:
            assert process.stdout and process.stdout.readline() == b"listening\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            end(process)


def post_small(address: str, cnpjs: list[str], posts: int, products: int, at_once: int) -> Tally:
    """The same posts that `load mega` makes."""
    tally = Tally()
    road = ConnectionPool(address, ssl.create_default_context())
    heads = Heads(address, "no-key", "delta")
    on_a_fast_loop(drive(road, small_posts(heads, cnpjs, posts, products), at_once, tally))
    return tally
