"""A temporary embedded hub, started by the real command; it ends with this process, however this process ends."""

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

from integrahub.client import ApiError, Client
from integrahub.db.embedded.server import tie_to_parent
from integrahub.tools.terminal.language import current_language

_START_TIMEOUT_SECONDS = 90.0
_HUB_STOP_TIMEOUT_SECONDS = 60.0
_START_POLL_INTERVAL_SECONDS = 0.1
_MAX_LOG_CHARACTERS = 2000
_MAX_CONNECTIONS = "60000"  # all clients of such a hub have one address; open files bound them further


@contextmanager
def run_embedded_hub(
    folder: Path, workers: int = 2, settings: Mapping[str, str] | None = None, python: str = sys.executable
) -> Iterator[Client]:
    """Run `integrahub up` on `folder` and a free port while the block runs; yield a client with the operator's key.

    `python` is the interpreter of another installation, if the hub of that one is to run.
    """
    port, admin_key = _free_port(), secrets.token_urlsafe(24)
    log = folder / "hub.log"
    arguments = ["up", "--port", str(port), "--data", str(folder / "kept"), "--workers", str(workers)]
    with log.open("wb") as output:
        hub = subprocess.Popen(
            [python, "-m", "integrahub", *arguments],
            env=build_environment(admin_key, settings or {}),
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=tie_to_parent(),
        )
    try:
        with Client(f"http://127.0.0.1:{port}", admin_key, language=current_language(), retries=0) as client:
            _wait_until_healthy(client, hub, log)
            yield client
    finally:
        _stop(hub)


def build_environment(admin_key: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with these settings, none of another hub, and no limits for one address."""
    names = ("DATABASE_URL", "ADMIN_API_KEY", "VALID_API_KEYS", "KAFKA_BROKERS", "STORAGE_ENDPOINT")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("INTEGRAHUB_") and k not in names}
    limits = {"RATE_LIMIT": "off", "MAX_CONNECTIONS": _MAX_CONNECTIONS, "MAX_CONNECTIONS_PER_ADDRESS": _MAX_CONNECTIONS}
    own = {"ADMIN_API_KEY": admin_key, **limits, **settings}
    return inherited | {f"INTEGRAHUB_{name}": value for name, value in own.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(client: Client, hub: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline, never = monotonic() + _START_TIMEOUT_SECONDS, threading.Event()
    while monotonic() < deadline and hub.poll() is None:
        try:
            client.get("/health")
            return
        except ApiError:
            never.wait(_START_POLL_INTERVAL_SECONDS)
    raise ApiError(f"The hub did not start. Its log ends:\n{log.read_text(errors='replace')[-_MAX_LOG_CHARACTERS:]}")


def _stop(hub: "subprocess.Popen[bytes]") -> None:
    hub.send_signal(signal.SIGTERM)
    try:
        hub.wait(_HUB_STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        hub.kill()
        hub.wait()
