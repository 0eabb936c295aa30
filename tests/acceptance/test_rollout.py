"""A rollout of the real hub on this machine: processes of each role on PostgreSQL. Only in the long tests."""

import hashlib
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx2
import psycopg
import pytest
from deploy.rollout.checks import SmokeTest
from deploy.rollout.journal import Journal
from deploy.rollout.platform import Reference
from deploy.rollout.processes import Layout, Processes
from deploy.rollout.rollout import Limits, Outcome, Rollout

from integrahub.domain.steps import NOTIFY, STEPS
from tests.acceptance.conftest import ADMIN, CNPJ
from tests.http_servers import QuietHandler, running
from tests.unit.deploy.stand_in import kill_recorded

pytestmark = pytest.mark.long
_MIGRATION_LOCK = 0x1A7E62A  # of `integrahub migrate`


class _Receiver(QuietHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.respond(204)


class Hub:
    """Workers, API and console as processes; versions are launchers of this installation with other settings."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder, self.database_url = folder, database_url
        (folder / "programs").mkdir()
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
        self.ports = [listener.getsockname()[1] for listener in listeners]
        for listener in listeners:
            listener.close()
        self.url, self.console_url = (f"http://127.0.0.1:{port}" for port in self.ports[:2])

    @property
    def layout(self) -> Layout:
        """Return the layout of the platform."""
        own = {"DATABASE_URL": self.database_url, "DATA_DIR": str(self.folder / "kept"), "ADMIN_API_KEY": ADMIN}
        own |= {"WEBHOOK_ALLOW": "127.0.0.1", "PUBLIC_URL": self.url, "URL": self.url, "LOG_FORMAT": "json"}
        others = ",".join(step for step in STEPS if step != NOTIFY)
        roles = [
            ("workers", "work", ["work", others], {"PROBE_PORT": self.ports[2]}),
            ("workers", "notify", ["work", NOTIFY], {"PROBE_PORT": self.ports[3]}),
            ("api", "api", ["api"], {"PORT": self.ports[0]}),
            ("console", "console", ["console"], {"PORT": self.ports[1], "PROBE_PORT": self.ports[4]}),
        ]
        processes = [
            {
                "role": role,
                "name": name,
                "arguments": arguments,
                "environment": _named(own | more),
                "ready": f"http://127.0.0.1:{more.get('PROBE_PORT', more.get('PORT'))}/readyz",
            }
            for role, name, arguments, more in roles
        ]
        commands = dict.fromkeys(("migrate", "doctor"), _named(own | {"PORT": self.ports[0]}))
        places = {"programs": str(self.folder / "programs"), "state": str(self.folder / "state")}
        return {**places, **commands, "processes": processes}

    def add_version(self, name: str, **settings: str) -> Reference:
        """Write a launcher that sets settings and runs this installation."""
        changed = {f"INTEGRAHUB_{setting}": value for setting, value in settings.items()}
        lines = [f"#!{sys.executable}", f"# {name}", "import os, sys", f"os.environ |= {changed!r}"]
        lines += ["os.execv(sys.executable, [sys.executable, '-m', 'integrahub', *sys.argv[1:]])", ""]
        content = "\n".join(lines).encode()
        path = self.folder / "programs" / hashlib.sha256(content).hexdigest()
        path.write_bytes(content)
        path.chmod(0o755)
        return Reference("integrahub", path.name)

    def rollout(self, key: str) -> Rollout:
        """Return a rollout with the smoke test."""
        smoke = SmokeTest(self.url, self.console_url, key, CNPJ)
        journal = Journal(self.folder / "journal", "long")
        return Rollout(Processes(self.layout), journal, lambda _: None, smoke, None, Limits(migrate=10, ready=90))

    def http(self, method: str, path: str, **body: str) -> dict[str, str]:
        """Send an operator's request."""
        headers = {"X-Admin-Api-Key": ADMIN}
        answer = httpx2.request(method, f"{self.url}{path}", headers=headers, json=body or None, trust_env=False)
        assert answer.status_code < 300, answer.text
        found: dict[str, str] = answer.json()
        return found

    def stop(self) -> None:
        """Kill what still runs."""
        kill_recorded(self.folder / "state")


def _named(settings: dict[str, object]) -> dict[str, str]:
    return {f"INTEGRAHUB_{name}": str(value) for name, value in settings.items()}


@pytest.fixture
def hub(tmp_path: Path, database_url: str) -> Iterator[Hub]:
    made = Hub(tmp_path, database_url)
    yield made
    made.stop()


@pytest.mark.timeout(400)
def test_a_real_hub_is_rolled_refused_and_rolled_back(hub: Hub) -> None:
    first = hub.add_version("first")
    platform = Processes(hub.layout)
    with platform.lock("first"):
        platform.prepare(first)
        for role in ("workers", "api", "console"):
            platform.roll(role)  # type: ignore[arg-type]
            platform.wait_until_ready(role, 90)  # type: ignore[arg-type]
    with ExitStack() as stack:
        receiver = stack.enter_context(running(ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)))
        key = hub.http("POST", f"/admin/pharmacies/{CNPJ}/api-key")["api_key"]
        target = {"url": f"http://127.0.0.1:{receiver.server_port}/"}
        put = httpx2.put(f"{hub.url}/v1/webhook", headers={"X-Api-Key": key}, json=target, trust_env=False)
        assert put.status_code == 200, put.text

        assert hub.rollout(key).deploy(hub.add_version("second")) is Outcome.DONE
        assert "is delivered" in (hub.folder / "journal").read_text()

        broken = hub.add_version("broken", KEY_PEPPER="another-pepper-which-makes-every-key-invalid")
        assert hub.rollout(key).deploy(broken) is Outcome.ROLLED_BACK

        with psycopg.connect(hub.database_url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
            assert hub.rollout(key).deploy(hub.add_version("third")) is Outcome.REFUSED
        assert hub.rollout(key).rollback(first) is Outcome.DONE
