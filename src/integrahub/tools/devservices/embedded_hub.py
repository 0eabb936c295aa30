"""A hub of one's own in a folder, started through the real command and ended with it, however it ends."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from integrahub.client.client import ApiError, Client
from integrahub.db.embedded.server import tie_to_parent
from integrahub.tools.terminal.language import current_language

_PATIENCE = 90.0  # seconds until the hub must be well
_DRAIN = 60.0  # seconds it may take to stop


@contextmanager
def run_embedded_hub(folder: Path, workers: int = 2, settings: Mapping[str, str] | None = None) -> Iterator[Client]:
    """`integrahub up` on `folder`, a free port and `settings` by name; gives a client with the operator's key."""
    port, admin_key = _free_port(), secrets.token_urlsafe(24)
    log = folder / "hub.log"
    arguments = ["up", "--port", str(port), "--data", str(folder / "kept"), "--workers", str(workers)]
    with log.open("wb") as output:
        hub = subprocess.Popen(
            [sys.executable, "-m", "integrahub", *arguments],
            env=_environment(admin_key) | {f"INTEGRAHUB_{name}": value for name, value in (settings or {}).items()},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=tie_to_parent(),
        )
    try:
        with Client(f"http://127.0.0.1:{port}", admin_key, language=current_language()) as client:
            _wait_until_well(client, hub, log)
            yield client
    finally:
        _end(hub)


def _environment(admin_key: str) -> dict[str, str]:
    """Nothing of the operator's own hub: no other database, folder or key; and no limit for its one client."""
    names = ("DATABASE_URL", "ADMIN_API_KEY", "VALID_API_KEYS", "KAFKA_BROKERS", "STORAGE_ENDPOINT")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("INTEGRAHUB_") and k not in names}
    return kept | {"INTEGRAHUB_ADMIN_API_KEY": admin_key, "INTEGRAHUB_RATE_LIMIT": "off"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_well(client: Client, hub: "subprocess.Popen[bytes]", log: Path) -> None:
    end, never = monotonic() + _PATIENCE, threading.Event()
    while monotonic() < end and hub.poll() is None:
        try:
            client.get("/health")
            return
        except ApiError:
            never.wait(0.1)
    raise ApiError(f"The hub did not start. Its log ends:\n{log.read_text(errors='replace')[-3000:]}")


def _end(hub: "subprocess.Popen[bytes]") -> None:
    hub.send_signal(signal.SIGTERM)
    try:
        hub.wait(_DRAIN)
    except subprocess.TimeoutExpired:
        hub.kill()
        hub.wait()
