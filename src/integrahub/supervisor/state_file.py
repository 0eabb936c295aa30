"""State file of a running supervisor: its pid, its port, and the API's address, for the verbs that find it there."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from integrahub.domain.errors import ConfigurationError
from integrahub.settings.model import Settings

_FILE = "fleet.json"
_RESTART_FILE = "fleet.restart"  # exists from the order until its SIGHUP is handled
_STATUS_TIMEOUT_SECONDS = 10.0


@contextmanager
def publish_state(settings: Settings, probe: socket.socket) -> Iterator[None]:
    """Keep the state file in the data folder while the block runs."""
    path = settings.data_dir / _FILE
    temporary = path.with_name(f".{_FILE}.{os.getpid()}")
    state = {"pid": os.getpid(), "port": probe.getsockname()[1], "url": settings.own_url}
    temporary.write_text(json.dumps(state))
    temporary.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_live_pid(folder: Path) -> int | None:
    """Return the pid in the state file; None if there is no file or no such process."""
    try:
        pid = int(json.loads((folder / _FILE).read_text())["pid"])
        os.kill(pid, 0)
    except PermissionError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid


def read_api_url(folder: Path) -> str | None:
    """Return the address of the API of the supervisor that runs on the folder; None if none runs."""
    if read_live_pid(folder) is None:
        return None
    try:
        return str(json.loads((folder / _FILE).read_text())["url"])
    except (OSError, ValueError, KeyError):
        return None


def remove_state(settings: Settings) -> None:
    """Remove the state file of this supervisor, which is about to end."""
    (settings.data_dir / _FILE).unlink(missing_ok=True)


def request_restart(folder: Path) -> None:
    """Order the supervisor of the folder to restart its processes. Raise ConfigurationError if none answers."""
    pid = find_pid(folder)
    (folder / _RESTART_FILE).touch()
    os.kill(pid, signal.SIGHUP)


def consume_restart_request(settings: Settings) -> bool:
    """Return whether a restart was ordered, and forget the order."""
    try:
        (settings.data_dir / _RESTART_FILE).unlink()
    except OSError:
        return False
    return True


def find_pid(folder: Path) -> int:
    """Return the pid of the supervisor of the folder. Raise ConfigurationError if none answers."""
    fetch_status(folder)
    return int(json.loads((folder / _FILE).read_text())["pid"])


def fetch_status(folder: Path) -> dict[str, Any]:
    """Return the status of the supervisor of the folder. Raise ConfigurationError if none answers."""
    try:
        port = int(json.loads((folder / _FILE).read_text())["port"])
        url = f"http://127.0.0.1:{port}/status"
        return dict(httpx2.get(url, timeout=_STATUS_TIMEOUT_SECONDS, trust_env=False).json())
    except (OSError, ValueError, KeyError, httpx2.HTTPError):
        raise ConfigurationError(
            f"No fleet runs on {folder.absolute()}. Start one with `integrahub up` or `integrahub fleet`, or name its "
            "folder with --data."
        ) from None
