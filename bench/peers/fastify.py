"""Fastify endpoint in one process: it stores each body with fsync, inserts a row, commits and answers 202."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.environments import connection_of, copy_script, install_node_packages
from integrahub.tools.devservices.program import find_free_ports, stop_program

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
