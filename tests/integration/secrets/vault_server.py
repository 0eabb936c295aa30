"""Real Vault or OpenBao in development mode, if one is on the PATH.

No package registry has the program: neither PyPI, npm nor Debian. Its Go module does not build outside its own tree.
Without it the tests use only the stand-in.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from integrahub.tools.devservices.program import ServiceMissing, find_free_ports, run_program


def find_program() -> str | None:
    """Return the program, or None."""
    return shutil.which("vault") or shutil.which("bao")


@contextmanager
def vault_server(folder: Path) -> Iterator[tuple[str, str]]:
    """Run the server; yield its address and a root token. Raises PartMissing without the program."""
    program, token, port = find_program(), secrets.token_hex(16), find_free_ports(1)[0]
    if program is None:
        raise ServiceMissing("There is no `vault` or `bao` here. Install one.")
    address = f"http://127.0.0.1:{port}"
    options = ["server", "-dev", f"-dev-root-token-id={token}", f"-dev-listen-address=127.0.0.1:{port}"]
    environment = {"HOME": str(folder), "PATH": os.defpath}
    with run_program([program, *options], folder / "vault.log", lambda: _answers(address), environment):
        yield address, token


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/v1/sys/health", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False
