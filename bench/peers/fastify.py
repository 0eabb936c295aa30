"""Fastify endpoint in one process: it stores each body with fsync, inserts a row, commits and answers 202."""

import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.environments import connection_of, copy_script, install_node_packages
from integrahub.tools.devservices.program import find_free_ports, stop_program
from integrahub.tools.loadtest.connections import ConnectionPool, Tally, post_all
from integrahub.tools.loadtest.payloads import Heads, generate_small_posts
from integrahub.tools.loadtest.runner import run_with_uvloop

_SCRIPT = Path(__file__).parent / "fastify.mjs"


@contextmanager
def fastify(database: str) -> Iterator[str]:
    """Run the endpoint and yield its address; raises PeerMissing if Node cannot run."""
    program, folder = install_node_packages()
    (port,) = find_free_ports(1)
    socket, environment = connection_of(database)
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as bodies:
        command = [program, str(copy_script(_SCRIPT, folder)), socket, bodies, str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        try:
            assert process.stdout and process.stdout.readline() == b"listening\n"
            yield f"http://127.0.0.1:{port}"
        finally:
            stop_program(process)


def post_small(address: str, cnpjs: list[str], posts: int, products: int, concurrency: int) -> Tally:
    """Make the same posts as `load mega`."""
    tally = Tally()
    pool = ConnectionPool(address, ssl.create_default_context())
    heads = Heads(address, "no-key", "delta")
    run_with_uvloop(post_all(pool, generate_small_posts(heads, cnpjs, posts, products), concurrency, tally))
    return tally
