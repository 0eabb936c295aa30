"""A real PostgreSQL for the whole session, and a fresh database with our schema for each test that asks."""

import asyncio
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from psycopg import sql

from integrahub.db.database import Database
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.domain.errors import Transient
from integrahub.storage.s3.config import S3Config, s3_config
from integrahub.tools.devservices.kafka import kafka
from integrahub.tools.devservices.program import ServiceMissing
from integrahub.tools.devservices.seaweedfs import S3Server, seaweed
from tests.fault_injection.freezing import postmaster

_TEMPLATE = "template_hub"


@dataclass(slots=True)
class Server:
    """A running server: `url` names its database `integrahub`."""

    url: str
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url_of(self, database: str) -> str:
        """The URL of another database of this server."""
        return self.url.replace("@/integrahub?", f"@/{database}?")

    def execute(self, statement: str, *names: str) -> None:
        """Run a statement with identifiers outside any transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def embedded_postgres(prefix: str) -> Iterator[tuple[Path, str]]:
    """The folder and the URL of a PostgreSQL of its own, which goes with the block."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    folder.chmod(0o711)
    engine = EmbeddedPostgres(folder)
    try:
        yield folder, asyncio.run(engine.start())
    finally:
        asyncio.run(engine.stop())
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One embedded PostgreSQL per session (and per xdist worker) with the schema in `template_hub`."""
    with embedded_postgres("ihub-tests-") as (_, url):
        server = Server(url)
        # What a test kills is a process, never the machine: waiting for the disk would only make tests slow.
        server.execute("ALTER SYSTEM SET fsync = off")
        server.execute("SELECT pg_reload_conf()")
        server.execute("CREATE DATABASE {}", _TEMPLATE)
        asyncio.run(migrate(server.url_of(_TEMPLATE)))
        yield server


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[tuple[int, str]]:
    """A PostgreSQL with our schema that may be frozen: its process id and its URL."""
    with embedded_postgres("ihub-frozen-") as (folder, url):
        asyncio.run(migrate(url))
        Server(url).execute("CREATE TABLE kept (n integer PRIMARY KEY)")
        yield postmaster(folder), url


@pytest.fixture
def database_url(postgres: Server) -> Iterator[str]:
    """The URL of a database of this test's own, with our schema and no rows but those of the migrations."""
    name = f"test_{next(postgres.numbers)}"
    postgres.execute("CREATE DATABASE {} TEMPLATE {}", name, _TEMPLATE)
    try:
        yield postgres.url_of(name)
    finally:
        postgres.execute("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open pool of eight connections to the test's own database."""
    opened = Database(database_url, size=8)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


async def reached(database: Database) -> None:
    """Wait until a connection is there: on a busy machine the first may take longer than a short deadline."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await database.check()
            except Transient:
                await asyncio.sleep(0.05)


_Made = TypeVar("_Made")


def part(name: str, start: Callable[[Path], AbstractContextManager[_Made]]) -> Iterator[_Made]:
    """A program of another project in a folder of its own."""
    place = tempfile.TemporaryDirectory(prefix=f"ihub-{name}-", dir="/tmp", ignore_cleanup_errors=True)
    with place as folder, ExitStack() as running:
        yield running.enter_context(start(Path(folder)))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One S3 server per session that asks."""
    yield from part("s3", seaweed)


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """One Apache Kafka per session that asks: where it listens."""
    yield from part("kafka", kafka)


@pytest.fixture
def bucket(s3_server: S3Server) -> S3Config:
    """A bucket of this test's own."""
    return new_bucket(s3_server)


def new_bucket(s3_server: S3Server) -> S3Config:
    """An empty bucket of a server."""
    name = f"test-{secrets.token_hex(8)}"
    s3_server.client().create_bucket(Bucket=name)
    return s3_config(s3_server.storage_url(name), s3_server.access_key, s3_server.secret_key)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """A test skips where there is no program that it needs."""
    with _skipping():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Also when it starts that program itself."""
    with _skipping():
        yield


@contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except ServiceMissing as missing:
        pytest.skip(str(missing))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to `make test-long`: they are no missing part."""
    if not os.environ.get("IHUB_LONG"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A closing table of what was left out because this machine lacks a part."""
    left_out = terminalreporter.stats.get("skipped", [])
    if left_out:
        terminalreporter.section("left out on this machine")
        for report in left_out:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2]}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI is set a missing part is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
