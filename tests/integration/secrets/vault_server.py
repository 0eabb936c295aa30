"""A real Vault or OpenBao in its development mode, where there is one on PATH.

No registry of packages has its program: not PyPI, npm or Debian, and its Go module cannot be built from outside its own
tree (the `sdk` inside it is not published as it uses it). Elsewhere the stand-in alone is asked.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from integrahub.tools.devservices.program import ServiceMissing, free_ports, running


def found() -> str | None:
    """The program, where there is one."""
    return shutil.which("vault") or shutil.which("bao")


@contextmanager
def vault_server(folder: Path) -> Iterator[tuple[str, str]]:
    """Its address and a token that may do everything; PartMissing without the program."""
    program, token, port = found(), secrets.token_hex(16), free_ports(1)[0]
    if program is None:
        raise ServiceMissing("There is no `vault` or `bao` here. Install one.")
    address = f"http://127.0.0.1:{port}"
    options = ["server", "-dev", f"-dev-root-token-id={token}", f"-dev-listen-address=127.0.0.1:{port}"]
    environment = {"HOME": str(folder), "PATH": os.defpath}
    with running([program, *options], folder / "vault.log", lambda: _answers(address), environment):
        yield address, token


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/v1/sys/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
