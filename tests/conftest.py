"""PostgreSQL for the whole session, and a new database with the hub's schema per test."""

import asyncio
import itertools
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
import pytest
import structlog
from hypothesis import settings
from psycopg import sql

from integrahub.db.database import Database
from integrahub.db.embedded.configuration import CONFIGURATION
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.domain.errors import Transient
from integrahub.storage.s3.config import S3Config, s3_config
from integrahub.tools.devservices.kafka import run_kafka
from integrahub.tools.devservices.program import ServiceMissing
from integrahub.tools.devservices.seaweedfs import S3Server, run_seaweedfs
from tests.fault_injection.freezing import postmaster
from tests.scratch import use_scratch_folder

pytest_plugins = ("tests.kernel_calls", "tests.gc_freeze")
_SCRATCH = use_scratch_folder()

_TEMPLATE = "template_hub"
_SLOWEST_FOLDERS = (
    "acceptance",
    "distributed",
    "console",
    "monitoring",
    "examples",
    "crash",
    "fault_injection",
    "fuzz",
    "integration",
)


LONG = bool(os.environ.get("IHUB_LONG"))
settings.register_profile("short", max_examples=40)  # of tests that name no number
settings.register_profile("long", max_examples=1000)
settings.load_profile("long" if LONG else "short")

# Tests that share a service, by the pattern of their ids.
_GROUPS = {
    "browser": r"^tests/console/browser/",
    "examples": r"^tests/examples/",
    "kafka": r"\[distributed\b|^tests/contract/test_bus\.py|"
    r"^tests/distributed/test_(dead_messages|kafka|kafka_topics|deploy|frozen|network_policies)\.py",
}


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """Log tracebacks as the hub does, without local variables: structlog's own take a second of CPU each."""
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@dataclass(slots=True)
class Server:
    """A running server; `url` names its database `integrahub`."""

    url: str
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url_of(self, database: str) -> str:
        """Return the URL of another database on this server."""
        return self.url.replace("@/integrahub?", f"@/{database}?")

    def create_database(self, name: str, template: str = _TEMPLATE) -> str:
        """Create a database with the hub's schema and return its URL; copied files cost less than logged pages."""
        self.execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and end its connections."""
        self.execute("DROP DATABASE {} WITH (FORCE)", name)

    def execute(self, statement: str, *names: str) -> None:
        """Run a statement with identifiers outside any transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def embedded_postgres(prefix: str) -> Iterator[tuple[Path, str]]:
    """Start a PostgreSQL and yield its folder and URL; remove both at the end."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    engine = EmbeddedPostgres(folder)
    try:
        yield folder, asyncio.run(engine.start())
    finally:
        asyncio.run(engine.stop())
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Start one embedded PostgreSQL per session and xdist worker, with the schema in `template_hub`."""
    # What a test kills is a process, never the machine: waiting for the disk would only make tests slow.
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        patch.setitem(CONFIGURATION, "fsync", "off")  # an option of the command line, which ALTER SYSTEM cannot change
        _, url = running.enter_context(embedded_postgres("ihub-tests-"))
        patch.undo()
        server = Server(url)
        server.execute("CREATE DATABASE {}", _TEMPLATE)
        asyncio.run(migrate(server.url_of(_TEMPLATE)))
        yield server


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[tuple[int, str]]:
    """Yield process id and URL of a PostgreSQL with the hub's schema that the test may freeze."""
    with embedded_postgres("ihub-frozen-") as (folder, url):
        asyncio.run(migrate(url))
        Server(url).execute("CREATE TABLE kept (n integer PRIMARY KEY)")
        yield postmaster(folder), url


@pytest.fixture
def database_url(postgres: Server) -> Iterator[str]:
    """Return the URL of a new database with the hub's schema and only the rows of the migrations."""
    name = f"test_{next(postgres.numbers)}"
    try:
        yield postgres.create_database(name)
    finally:
        postgres.drop_database(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open a pool of eight connections to the test's database."""
    opened = Database(database_url, size=8)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


async def reached(database: Database) -> None:
    """Wait until a connection is open. On a busy machine the first one may take longer than a short deadline."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await database.check()
            except Transient:
                await asyncio.sleep(0.05)


_Made = TypeVar("_Made")


def part(name: str, start: Callable[[Path], AbstractContextManager[_Made]]) -> Iterator[_Made]:
    """Run a service in a new folder."""
    place = tempfile.TemporaryDirectory(prefix=f"ihub-{name}-", ignore_cleanup_errors=True)
    with place as folder, ExitStack() as running:
        yield running.enter_context(start(Path(folder)))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Start one S3 server per session."""
    yield from part("s3", run_seaweedfs)


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """Start one Apache Kafka per session and return its address."""
    yield from part("kafka", run_kafka)


@pytest.fixture
def bucket(s3_server: S3Server) -> S3Config:
    """Return a bucket for this test alone."""
    return new_bucket(s3_server)


def new_bucket(s3_server: S3Server) -> S3Config:
    """Create an empty bucket on a server."""
    name = f"test-{secrets.token_hex(8)}"
    s3_server.client().create_bucket(Bucket=name)
    return s3_config(s3_server.storage_url(name), s3_server.access_key, s3_server.secret_key)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Skip a test if a program that it needs is missing."""
    with _skipping():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that starts a missing program itself."""
    with _skipping():
        yield


@contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except ServiceMissing as missing:
        pytest.skip(str(missing))


def pytest_configure(config: pytest.Config) -> None:
    """Keep `tmp_path` in the folder of the run, with a path that leaves room for that of a socket."""
    config.option.basetemp = config.option.basetemp or str(_SCRATCH / f"p{os.getpid()}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole files to workers, and all that needs one expensive service to one worker, which starts it once."""
    if LONG:
        return None
    from xdist.scheduler import LoadFileScheduling  # imported here, as `-p no:xdist` needs no xdist

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return next((group for group, mark in _GROUPS.items() if re.search(mark, nodeid)), None) or str(
                super()._split_scope(nodeid)
            )

    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which `-p no:xdist` leaves out
def pytest_xdist_auto_num_workers() -> int:
    """Return one more than the number of processors, at most 8: tests start processes that compute as well."""
    return min(8, 1 + (os.cpu_count() or 1))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to `make test-long`, where they do not count as missing; run the slowest folders first.

    Workers take whole files. Started last, a slow file would leave the other workers idle.
    """
    if not LONG:
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    items.sort(key=lambda item: _place_in_order(item.path))


def _place_in_order(path: Path) -> int:
    folder, *inner = path.relative_to(Path(__file__).parent).parts
    if folder == "console" and inner[0] == "browser":  # one worker runs them one after the other
        return -1
    return _SLOWEST_FOLDERS.index(folder) if folder in _SLOWEST_FOLDERS else len(_SLOWEST_FOLDERS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table of the tests that were skipped because the machine lacks a program."""
    left_out = terminalreporter.stats.get("skipped", [])
    if left_out:
        terminalreporter.section("left out on this machine")
        for report in left_out:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2]}")
    if missing := _missing_in_ci(left_out):
        terminalreporter.line(f"CI fails: {len(missing)} of these tests need a part that CI must have", red=True)


#: End of the reason of a skip that is no failure in CI: no file of this project installs the program.
OPTIONAL = "(optional)"
_PART_MISSING = 6  # an exit code that pytest does not use: tests that did not run cannot pass in a second run


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session in CI if a program is missing that is not optional."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _missing_in_ci(reporter.stats.get("skipped", []) if reporter else []):
        session.exitstatus = _PART_MISSING


def _missing_in_ci(skipped: list[pytest.TestReport]) -> list[str]:
    """Return the ids of tests that were skipped in CI although a file of this project installs what they need."""
    if os.environ.get("CI") != "true":
        return []
    return [
        report.nodeid for report in skipped if not cast("tuple[str, int, str]", report.longrepr)[2].endswith(OPTIONAL)
    ]
