"""A real Vault or OpenBao in its development mode: of PATH, or (long runs alone) built from its Go module."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from integrahub.cli.parts.programs import PartMissing, free_ports, running

VERSION = "v1.21.4"
_BUILDING = 3600  # seconds
_MODULE = f"""module integrahub/vault
go 1.25.3
require github.com/hashicorp/vault {VERSION}
replace github.com/hashicorp/vault/sdk => github.com/hashicorp/vault/sdk v0.20.0
replace github.com/99designs/keyring => github.com/Jeffail/keyring v1.2.3
replace github.com/ma314smith/signedxml v1.1.1 => github.com/moov-io/signedxml v1.1.1
"""


def found() -> str | None:
    """The program, where there is one already."""
    built = _cached()
    return shutil.which("vault") or shutil.which("bao") or (str(built) if built.exists() else None)


@contextmanager
def vault_server(folder: Path) -> Iterator[tuple[str, str]]:
    """Its address and a token that may do everything; PartMissing without the program and the means to build it."""
    program, token, port = found() or _build(), secrets.token_hex(16), free_ports(1)[0]
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


def _cached() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub"
    return cache / f"vault-{VERSION}"


def _build() -> str:
    go, place = shutil.which("go"), _cached()
    if go is None or not os.environ.get("IHUB_LONG"):
        raise PartMissing("There is no `vault` or `bao` here. Install one; with Go, IHUB_LONG=1 builds it.")
    source = place.with_suffix(".source")
    source.mkdir(parents=True, exist_ok=True)
    (source / "go.mod").write_text(_MODULE)
    command = [go, "build", "-mod=mod", "-o", str(place), "github.com/hashicorp/vault"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=_BUILDING)
    if done.returncode:
        raise PartMissing(f"Vault could not be built: {done.stdout[-300:]}{done.stderr[-700:]}")
    shutil.rmtree(source)
    return str(place)
