"""`integrahub up` serves the console on the API's port; `integrahub console` serves it in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from deploy.rollout.checks import SmokeTest
from deploy.rollout.platform import RolloutError

from tests.acceptance.conftest import CNPJ, Installation


def _get(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except URLError:
        return 0, ""


def _free_ports() -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def test_up_serves_the_console_beside_the_api(hub: Installation) -> None:
    login = hub.http.get("/console/login")
    assert login.status_code == 200 and 'name="password"' in login.text
    assert hub.http.get("/console").status_code == 403
    assert hub.http.get("/health").status_code == 200


def test_the_smoke_test_of_a_rollout_changes_a_product_reads_it_back_and_finds_the_console(hub: Installation) -> None:
    url = str(hub.http.base_url).rstrip("/")
    seen = {name: check() for name, check in SmokeTest(url, url, hub.key, CNPJ).run()}
    assert list(seen) == ["api", "delta", "webhook", "console"]
    assert "read back" in seen["delta"] and "no webhook address" in seen["webhook"]
    refused = dict(SmokeTest(url, f"{url}/nothing", "ihub_live_wrong", CNPJ).run())
    for name, code in {"delta": 401, "console": 404}.items():
        with pytest.raises(RolloutError, match=str(code)):
            refused[name]()


def test_a_console_process_serves_pages_and_probes_and_ends_at_a_signal(hub: Installation) -> None:
    url = (hub.folder / "kept" / "postgres" / "console.url").read_text()
    port, probe_port = _free_ports()
    settings = {
        "DATABASE_URL": url,
        "PORT": str(port),
        "PROBE_PORT": str(probe_port),
        "DATA_DIR": str(hub.folder / "kept"),
    }
    environment = os.environ | {f"INTEGRAHUB_{name}": value for name, value in settings.items()}
    process = subprocess.Popen([sys.executable, "-m", "integrahub", "console"], env=environment)
    try:
        deadline = time.monotonic() + 60
        while _get(f"http://127.0.0.1:{probe_port}/readyz")[0] != 200:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        assert _get(f"http://127.0.0.1:{port}/console/login")[0] == 200
        assert _get(f"http://127.0.0.1:{port}/v1/batches")[0] == 404
        assert 'route="/console/login"' in _get(f"http://127.0.0.1:{probe_port}/metrics")[1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
