"""Access to the embedded PostgreSQL: only logins with their own password, no other account."""

import asyncio
import contextlib
import os
import pwd
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from integrahub.db.embedded.logins import BACKUP, OWNER, derive_password, url_as
from integrahub.db.embedded.process_user import choose_user
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.tenancy import DatabaseRole
from tests.conftest import Server
from tests.integration.test_embedded import ask, engine

__all__ = ["engine"]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account to try this")
_ROLES = (*DatabaseRole, BACKUP)
_LOGINS = (OWNER, *_ROLES)
# Becomes another account once all is imported: it could not read this environment.
_TRY = """
import os, sys, psycopg
uid, host, *users = sys.argv[1:]
psycopg.connect  # all of it is loaded
os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
for user in users:
    try:
        psycopg.connect(host=host, user=user, dbname="postgres", connect_timeout=5).close()
        print("let in as", user)
    except psycopg.OperationalError:
        pass
"""


def _place(url: str) -> str:
    return parse_qs(urlsplit(url).query)["host"][0]


def test_no_login_works_without_its_own_password(postgres: Server) -> None:
    secret = str(urlsplit(postgres.url).password)
    passwords = [None, "", secret, *(derive_password(secret, role) for role in _ROLES)]
    let_in = []
    for user in _LOGINS:
        for number, password in enumerate(passwords):
            told = make_conninfo(host=_place(postgres.url), user=user, dbname="postgres", password=password)
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(told, passfile="/dev/null").close()
                let_in.append((user, number))
    assert let_in == [(OWNER, 2), *((role, number) for number, role in enumerate(_ROLES, 3))]


@as_root
@pytest.mark.parametrize("who", ["stranger", "nobody", "the server's own account", "root"])
def test_no_account_of_the_machine_is_let_in_for_what_it_is(postgres: Server, who: str) -> None:
    cluster = Path(_place(postgres.url))
    uids = {"stranger": 12345, "nobody": pwd.getpwnam("nobody").pw_uid, "root": 0}
    uid = uids.get(who, cluster.stat().st_uid)
    done = subprocess.run(
        [sys.executable, "-c", _TRY, str(uid), str(cluster), *_LOGINS], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@as_root
def test_the_server_runs_under_an_account_that_nothing_else_has(postgres: Server) -> None:
    uid = Path(_place(postgres.url)).stat().st_uid
    assert uid not in (0, pwd.getpwnam("nobody").pw_uid)
    names = [known.pw_name for known in pwd.getpwall() if known.pw_uid == uid]
    assert names in ([], ["integrahub"])


@as_root
def test_a_cluster_of_nobody_is_given_to_an_account_of_its_own_but_not_what_others_have_in_it(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    (cluster := tmp_path / "cluster").mkdir()
    (cluster / "PG_VERSION").write_text("18")
    (cluster / "roots").write_text("x")
    for path in (cluster, cluster / "PG_VERSION"):
        os.chown(path, nobody, nobody)
    account = choose_user(cluster)
    owners = [path.stat().st_uid for path in (cluster, cluster / "PG_VERSION", cluster / "roots")]
    assert owners == [account.uid, account.uid, 0]
    assert account.uid not in (0, nobody)
    assert choose_user(cluster) == account


async def test_a_crash_and_a_new_start_let_nobody_in_either(engine: EmbeddedPostgres) -> None:
    url = await engine.start()
    assert engine.pid
    os.kill(engine.pid, 9)
    await engine.wait()
    assert await engine.start() == url
    assert ask(url, "SELECT current_user") == OWNER
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=_place(url), user=OWNER, dbname="postgres", passfile="/dev/null")
    await engine.stop()
    again = await EmbeddedPostgres.start(engine)
    assert ask(again, "SELECT 1") == 1


async def test_a_password_the_operator_chose_is_the_owners(tmp_path: Path) -> None:
    engine = EmbeddedPostgres(tmp_path / "postgres", password="chosen by a person")
    try:
        url = await engine.start()
        assert urlsplit(url).password == "chosen%20by%20a%20person"
        assert ask(url, "SELECT rolpassword LIKE 'SCRAM-SHA-256$4096:%' FROM pg_authid WHERE rolname = 'integrahub'")
        assert ask(url_as(url, DatabaseRole.API), "SELECT current_user") == DatabaseRole.API
    finally:
        await engine.stop()


async def test_a_running_server_is_found_for_a_workers_login_and_not_after_its_stop(
    engine: EmbeddedPostgres, tmp_path: Path
) -> None:
    await engine.start()
    found = await EmbeddedPostgres(tmp_path / "postgres").url_of_running()
    assert found and ask(found, "SELECT current_user") == DatabaseRole.WORKER
    assert (tmp_path / "postgres" / "worker.url").stat().st_mode & 0o777 == 0o600
    await engine.stop()
    assert await EmbeddedPostgres(tmp_path / "postgres").url_of_running() is None


async def test_a_socket_is_where_only_its_account_looks_or_under_a_name_that_cannot_be_foretold(
    engine: EmbeddedPostgres, tmp_path: Path
) -> None:
    assert _place(await engine.start()) == str(tmp_path / "postgres" / "cluster")
    deep = tmp_path / ("x" * 120)
    places = set()
    for _ in range(2):
        far = EmbeddedPostgres(deep)
        try:
            places.add(Path(_place(await far.start())).parent)
        finally:
            await far.stop()
    assert len(places) == 2
    assert not any(place.exists() for place in places)
    assert not (deep / "outside").exists()


async def test_a_server_in_the_place_of_ours_is_sent_no_password(
    engine: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.start()
    folder, place = tmp_path / "postgres", tmp_path / "postgres" / "worker.url"
    kept = place.read_text()
    await engine.stop()
    place.write_text(kept)  # as a hub that was killed leaves it
    monkeypatch.setenv("PGPASSWORD", "the-operators-own")
    heard = asyncio.get_running_loop().create_future()

    async def ask_for_the_password_itself(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        writer.write(b"R" + struct.pack("!ii", 8, 3))
        heard.set_result(await reader.read(1000))
        writer.close()

    server = await asyncio.start_unix_server(ask_for_the_password_itself, folder / "cluster" / ".s.PGSQL.5432")
    async with server:
        assert await EmbeddedPostgres(folder).url_of_running() is None
        assert await asyncio.wait_for(heard, 10) == b""
