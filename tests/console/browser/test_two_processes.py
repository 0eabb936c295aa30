"""Two console processes behind a balancer, with a load running: a minute of updates, and what 50 readers cost."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx2
import psycopg
import pytest
from playwright.sync_api import Browser

from integrahub.console.assets import has_htmx
from integrahub.domain.people.roles import Role
from tests.acceptance.conftest import without_settings
from tests.conftest import Server
from tests.console.browser.balancer import balancing
from tests.console.browser.conftest import settings_of
from tests.console.browser.visit import visiting
from tests.console.live_hub import LiveHub, live_hub
from tests.integration.conftest import ADMIN

pytestmark = [pytest.mark.long, pytest.mark.skipif(not has_htmx(), reason="htmx is not in the package: `make assets`")]
_UPDATES_SECONDS, _LOAD_PAUSE_SECONDS = 60, 0.5
_READERS, _READING_SECONDS, _MAX_CPU_SHARE = 50, 30, 0.05
_IDLE_POLL_SECONDS = 5.0  # of the console's script
_STATE = """() => [document.activeElement === window.focused, document.querySelector('#search').value,
  document.querySelectorAll('details[open]').length, scrollY, document.querySelector('.attention li a').href]"""


@contextmanager
def _console_process(url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run `integrahub console` while the block runs; yield its port and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"DATABASE_URL": url, "DATA_DIR": str(folder), "ADMIN_API_KEY": ADMIN, "PORT": str(port), "PROBE_PORT": "0"}
    environment = without_settings() | {f"INTEGRAHUB_{name}": value for name, value in own.items()}
    with subprocess.Popen([sys.executable, "-m", "integrahub", "console"], env=environment) as process:
        try:
            _wait_until_listening(port)
            yield port, process.pid
        finally:
            process.terminate()


def _wait_until_listening(port: int) -> None:
    deadline = monotonic() + 60
    while monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.1)
    raise TimeoutError(port)


@pytest.fixture(scope="module")
def place(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveHub, str, Path]]:
    """Yield a filled hub, the URL of its database and its data folder."""
    name, folder = f"processes_{next(postgres.numbers)}", tmp_path_factory.mktemp("hub")
    postgres.execute("CREATE DATABASE {} TEMPLATE template_hub", name)
    with live_hub(settings_of(postgres.url_of(name), folder)) as hub:
        yield hub, postgres.url_of(name), folder
    postgres.execute("DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def _loading(hub: LiveHub) -> Iterator[None]:
    """Post small DELTAs while the block runs; none of them may be refused."""
    stop, failures = threading.Event(), list[BaseException]()

    def work() -> None:
        number = 0
        while not stop.wait(_LOAD_PAUSE_SECONDS):
            number += 1
            try:
                assert hub.console is not None
                hub.run(hub.console.api.post([{"PRODUCTID": number, "TITLE": f"P {number}"}], "delta"))
            except BaseException as error:
                failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert failures == []


def test_a_minute_of_updates_moves_nothing(chromium: Browser, place: tuple[LiveHub, str, Path]) -> None:
    hub, url, folder = place
    with ExitStack() as running:
        ports = [running.enter_context(_console_process(url, folder))[0] for _ in range(2)]
        hub.url, balancer = running.enter_context(balancing(ports, hub.loop))
        running.enter_context(_loading(hub))
        overview = running.enter_context(visiting(chromium, hub, Role.OPERATOR, width=390)).page
        batches = overview.context.new_page()
        overview.goto(f"{hub.url}/console")
        overview.locator("details summary").first.click()
        overview.fill("#search", "dipirona")
        overview.evaluate("window.focused = document.querySelector('.attention a'); focused.focus(); scrollTo(0, 150)")
        batches.goto(f"{hub.url}/console/batches")
        rows = "[...document.querySelectorAll('tbody tr')].map(row => row.id)"
        before, shown = overview.evaluate(_STATE), batches.evaluate(rows)
        assert before[0] and before[2] == 1 and before[3] > 0
        answers: list[int] = []
        overview.on("response", lambda answer: answers.append(answer.status))
        for _ in range(_UPDATES_SECONDS):
            overview.wait_for_timeout(1000)
            assert overview.evaluate(_STATE) == before
            assert batches.evaluate(rows) == shown
        assert answers.count(200) > 5 and not [status for status in answers if status not in (200, 204)]
        assert "new batches: show" in batches.inner_text("main")
        assert min(balancer.served.values()) > 5


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _count_snapshots(url: str) -> int:
    """Return how often the state of the hub was read; each snapshot reads the table of reconciliations once."""
    query = "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'reconciliations'"
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


async def _read_overviews(port: int, cookie: dict[str, str]) -> int:
    """Poll the overview as 50 open pages do; return how many answers came."""
    answered, end = 0, monotonic() + _READING_SECONDS

    async def read(http: httpx2.AsyncClient, number: int) -> None:
        nonlocal answered
        version = ""
        await asyncio.sleep(_IDLE_POLL_SECONDS * number / _READERS)
        while monotonic() < end:
            answer: Any = await http.get("/console", headers={"Live-Block": "now", "Live-Version": version})
            assert answer.status_code in (200, 204)
            answered += 1
            found = re.search(r"Live-Version&quot;: &quot;(\w+)", answer.text)
            version = found[1] if found else version
            await asyncio.sleep(_IDLE_POLL_SECONDS)

    limits = httpx2.Limits(max_connections=_READERS)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", cookies=cookie, limits=limits) as http:
        await asyncio.gather(*(read(http, number) for number in range(_READERS)))
    return answered


def test_fifty_open_overviews_cost_a_twentieth_of_a_core_and_one_snapshot_a_second(
    place: tuple[LiveHub, str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    hub, url, folder = place
    with _console_process(url, folder) as (port, process):
        cookie = hub.cookie(Role.VIEWER, "en")
        hub.run(_read_overviews_once(port, cookie))
        idle = _cpu_seconds(process)
        sleep(_READING_SECONDS)
        idle, begun, snapshots = _cpu_seconds(process) - idle, _cpu_seconds(process), _count_snapshots(url)
        answered = hub.run(_read_overviews(port, cookie))
        used = _cpu_seconds(process) - begun - idle
        sleep(2)  # until the process has reported its statistics
        snapshots = _count_snapshots(url) - snapshots
    with capsys.disabled():
        print(f"\n{answered} polls: {100 * used / _READING_SECONDS:.1f} % of a core, {snapshots} snapshots")
    assert used / _READING_SECONDS < _MAX_CPU_SHARE
    assert snapshots <= _READING_SECONDS + 10  # the worker that reconciles reads the table, too


async def _read_overviews_once(port: int, cookie: dict[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", cookies=cookie) as http:
        assert (await http.get("/console")).status_code == 200
