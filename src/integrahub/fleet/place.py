"""Where a running fleet is found: a small file in the data folder with its pid and the port it answers on."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from integrahub.domain.errors import ConfigurationError
from integrahub.settings import Settings

_FILE = "fleet.json"
_PATIENCE = 10.0  # seconds


@contextmanager
def announced(settings: Settings, probe: socket.socket) -> Iterator[None]:
    """The file while the block runs."""
    path = settings.data_dir / _FILE
    fresh = path.with_name(f".{_FILE}.{os.getpid()}")
    fresh.write_text(json.dumps({"pid": os.getpid(), "port": probe.getsockname()[1]}))
    fresh.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def pid_of(folder: Path) -> int:
    """The pid of the fleet that runs on the folder, once it has answered; ConfigurationError when none does."""
    status_of(folder)
    return int(json.loads((folder / _FILE).read_text())["pid"])


def status_of(folder: Path) -> dict[str, Any]:
    """What the fleet on the folder tells; ConfigurationError when none answers."""
    try:
        port = int(json.loads((folder / _FILE).read_text())["port"])
        answer = httpx.get(f"http://127.0.0.1:{port}/status", timeout=_PATIENCE, trust_env=False)
        return dict(answer.json())
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        raise ConfigurationError(
            f"No fleet runs on {folder.absolute()}. Start one with `integrahub up` or `integrahub fleet`, or name its "
            "folder with --data."
        ) from None
