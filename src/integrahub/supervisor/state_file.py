"""Where a running fleet is found: a small file in the data folder with its pid and the port it answers on."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from integrahub.domain.errors import ConfigurationError
from integrahub.settings.model import Settings

_FILE = "fleet.json"
_RESTART = "fleet.restart"  # there from the order to the signal that brings it
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


def announced_pid(folder: Path) -> int | None:
    """Return the pid of the fleet that says it runs on the folder; None when it is gone or about to end."""
    try:
        pid = int(json.loads((folder / _FILE).read_text())["pid"])
        os.kill(pid, 0)
    except PermissionError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid


def withdraw(settings: Settings) -> None:
    """Say that this fleet is about to end."""
    (settings.data_dir / _FILE).unlink(missing_ok=True)


def ask_restart(folder: Path) -> None:
    """Tell the fleet on the folder to restart its processes; ConfigurationError when none answers."""
    pid = pid_of(folder)
    (folder / _RESTART).touch()
    os.kill(pid, signal.SIGHUP)


def take_restart(settings: Settings) -> bool:
    """Return whether a restart was asked for, once."""
    try:
        (settings.data_dir / _RESTART).unlink()
    except OSError:
        return False
    return True


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
