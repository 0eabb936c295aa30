"""The version before, under load, is rolled to this one and back: no post is refused, no record is lost or doubled."""

import json
import secrets
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import psycopg
import pytest

from integrahub.client import Client
from integrahub.tools.loadtest.accounting import count_products
from integrahub.tools.loadtest.payloads import load_real_cnpjs
from integrahub.tools.soak.ledger import Ledger, compare
from integrahub.tools.soak.rows import ListedBatch
from tests.acceptance.conftest import ADMIN, PATH, Installation, Parts, installed
from tests.runbook_entry import FollowedEntry
from tests.version_before import extract_source

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
_ROOT = Path(__file__).parents[2]
_PASSWORD = "a-password-of-the-owner-for-tests"
_PAUSE_SECONDS = 0.02
_RECORDS = 10
_ROLL_SECONDS = 600.0  # on a machine that other work keeps busy
_TEST_PHARMACY = "11222333000181"
_LIVE = "SELECT count(*) FILTER (WHERE version_id = id), count(*) FROM workers WHERE left_at IS NULL"


def _make_environment(folder: Path, source: Path) -> Path:
    """Create a virtual environment with the hub of `source` and the dependencies of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "hub.pth").write_text(f"{source}\n{sysconfig.get_path('purelib')}\n")
    return folder


@pytest.fixture
def versions(tmp_path: Path) -> dict[str, Path]:
    """Return the environments of the version before and of this one."""
    source = extract_source(tmp_path / "source")
    return {
        "before": _make_environment(tmp_path / "before", source),
        "this": _make_environment(tmp_path / "this", _ROOT / "src"),
    }


class _RollingHub:
    """A hub whose processes are of the version that the link `current` names when they start."""

    def __init__(self, hub: Installation, versions: dict[str, Path]) -> None:
        self.hub = hub
        self._versions = versions
        self._current = hub.folder / "current"
        self._python = str(self._current / "bin" / "python")
        cluster = hub.folder / "kept" / "postgres" / "cluster"
        self.url = f"postgresql://integrahub:{_PASSWORD}@/integrahub?host={quote(str(cluster), safe='')}"

    def use(self, version: str) -> None:
        """Install a version in the place of the other."""
        fresh = self._current.with_name("current.new")
        fresh.symlink_to(self._versions[version])
        fresh.replace(self._current)

    def start(self) -> None:
        """Start the hub with the installed version."""
        with (self.hub.folder / "hub.log").open("ab") as log:
            command = [self._python, "-m", "integrahub", "up"]
            self.hub.process = subprocess.Popen(
                command, env=self.hub.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.hub.wait_until(lambda: self.hub.http.get("/health").status_code == 200)

    def run(self, *arguments: str) -> str:
        """Run a command of the installed version."""
        environment = self.hub.environment | {"INTEGRAHUB_DATABASE_URL": self.url}
        done = subprocess.run(
            [self._python, "-m", "integrahub", *arguments], env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def roll(self) -> None:
        """Restart all processes one by one, and wait until each is another process that is ready.

        Their number may change meanwhile: the fleet is scaled to the load.
        """
        before, started = set(self._processes()), monotonic()
        self.run("fleet", "restart", "--data", str(self.hub.folder / "kept"))
        self.hub.wait_until(lambda: self._is_rolled(before), _ROLL_SECONDS)
        print(f"rolled {len(before)} processes in {monotonic() - started:.1f} s")

    def _is_rolled(self, before: set[int | None]) -> bool:
        now = self._processes()
        return set(now.values()) == {"ready"} and not now.keys() & before

    def _processes(self) -> dict[int | None, str]:
        """Return the state of each process by its id."""
        status = json.loads(self.run("fleet", "status", "--json", "--data", str(self.hub.folder / "kept")))
        return {one["pid"]: one["state"] for one in status["workers"]}

    def count_new(self) -> tuple[int, int]:
        """Return how many live processes are of this version, and how many there are."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(_LIVE).fetchone()
            assert row
            return row[0], row[1]


@contextmanager
def _posting(hub: Installation, key: str, cnpjs: list[str]) -> Iterator[Ledger]:
    """Post DELTAs of new products until the block ends. Nothing is repeated: a refused post stays refused."""
    ledger, done, address = Ledger(), threading.Event(), f"http://127.0.0.1:{hub.port}"

    def post() -> None:
        headers = {"X-Api-Key": key, "X-Inova-Load-Type": "delta", "Connection": "close"}
        number = 0
        while not done.wait(_PAUSE_SECONDS):
            cnpj, number = cnpjs[number % len(cnpjs)], number + 1
            # Each third body is too large for its row, so it goes to the storage.
            text = {"DESCRIPTION": secrets.token_hex(4000)} if number % 3 == 0 else {}
            body = [{"PRODUCTID": number * _RECORDS + one, "TITLE": "ROLLED"} | text for one in range(_RECORDS)]
            try:
                answer = httpx2.post(
                    f"{address}{PATH}",
                    params={"cnpj": cnpj},
                    json=body,
                    headers=headers,
                    timeout=60,
                    trust_env=False,
                )
            except httpx2.HTTPError as error:
                ledger.refusals.append(f"{type(error).__name__}: {error}")
                continue
            if answer.status_code == 202:
                ledger.acknowledge(answer.json()["batch_id"], cnpj, _RECORDS)
                ledger.products[cnpj] += _RECORDS
            else:
                ledger.refusals.append(f"{answer.status_code}: {answer.text}")

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield ledger
    finally:
        done.set()
        thread.join()


def _post_one(hub: Installation) -> str:
    """Post a DELTA of one product to a test pharmacy, wait for its end, and return the CNPJ."""
    key, hub.key = hub.key, hub.make_key(_TEST_PHARMACY)
    batch = hub.post('[{"PRODUCTID": 1, "TITLE": "P"}]', "delta").json()["batch_id"]
    assert hub.finished(batch)["inserted"] == 1
    hub.key = key
    return _TEST_PHARMACY


def _list_unfinished(client: Client) -> Iterator[list[dict[str, Any]]]:
    for status in ("RECEIVED", "PROCESSING"):
        yield client.get("/v1/batches", status=status, limit=1)["items"]


def test_the_version_before_is_rolled_to_this_one_and_back_under_load(parts: Parts, versions: dict[str, Path]) -> None:
    settings = parts() | {"RATE_LIMIT": "off", "POSTGRES_PASSWORD": _PASSWORD}
    with installed(settings) as hub:
        rolling = _RollingHub(hub, versions)
        rolling.use("before")
        rolling.start()
        cnpjs = load_real_cnpjs(4)
        made = hub.http.post(
            "/admin/keys",
            json={"cnpjs": cnpjs, "scopes": ["ingest", "read"], "rate_limit": "off"},
            headers={"X-Admin-Api-Key": ADMIN},
        )
        hub.key = made.json()["api_key"]
        with _posting(hub, hub.key, cnpjs) as ledger:
            older = rolling.run("--version")
            rolling.use("this")
            schema = FollowedEntry("roll-back-schema")
            assert "0014_worker_versions.sql" in rolling.run(*schema.command("migrate --plan"))
            assert "0014_worker_versions.sql" in rolling.run("migrate")
            rolling.roll()
            new, live = rolling.count_new()
            assert new == live > 4
            entry = FollowedEntry("roll-back-code")
            newest = "psql -c 'SELECT name, kind FROM schema_migrations ORDER BY applied_at DESC LIMIT 5'"
            assert "contract" not in rolling.run(*entry.command(newest))
            rolling.use("before")
            rolling.roll()
            assert rolling.count_new()[0] == 0
            assert rolling.run(*entry.command("--version")) == older
            for followed in (entry, schema):  # the schema stays as it is, and the older version works on it
                rolling.run(*followed.command("doctor"))
            entry.expect("a DELTA of one product to a test pharmacy becomes COMPLETED")
            shown = rolling.run(*entry.command("batch list --cnpj CNPJ --limit 1", CNPJ=_post_one(hub)))
            assert "COMPLETED" in shown
            rolling.use("this")
            rolling.roll()
        assert ledger.refusals == [] and len(ledger.batches) > 100
        print(f"{len(ledger.batches)} posts, none refused")
        with Client(f"http://127.0.0.1:{hub.port}", hub.key) as client:
            hub.wait_until(lambda: not any(_list_unfinished(client)))
            listed = msgspec.convert(list(client.list_all("/v1/batches", limit=500)), list[ListedBatch])
            products = {cnpj: count_products(client, cnpj) for cnpj in cnpjs}
        account = compare(ledger, listed, products)
        assert account.adds_up, account
        rolling.run(*schema.command("verify CNPJ", CNPJ=cnpjs[0]))
