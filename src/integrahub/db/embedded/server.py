"""Runs one PostgreSQL of our own on a folder: starts it, survives crashes of either side, stops it."""

import asyncio
import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
from psycopg import sql

from integrahub.db.connections import HubConnection, connect
from integrahub.db.embedded import logins
from integrahub.db.embedded.binaries import check_version, prepare
from integrahub.db.embedded.configuration import CONFIGURATION
from integrahub.db.embedded.folder_lock import take_folder
from integrahub.db.embedded.leftovers import end_strays, remove_stale
from integrahub.db.embedded.process_user import ProcessUser, account_for, give, nobody, own_folder
from integrahub.db.embedded.run_folder import Outside
from integrahub.db.sessions import ignore_libpq_variables
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.errors import ConfigurationError

_DATABASE = "integrahub"
_INITDB = ["--locale-provider=builtin", "--locale=C.UTF-8", "-E", "UTF8", "--auth-local=peer", "--auth-host=reject"]
_INITDB += ["-U", logins.OWNER]
_LOG_LIMIT = 16 << 20  # bytes, at a start
_POLL = 0.02  # seconds between looks at what is about to happen
_LOOK = 0.1  # seconds between looks at a process that is to stay
_ANSWER = 10.0  # seconds until a server that says it is ready must answer
_STATEMENT = 30.0  # seconds for one statement of the start
_STATUS = 7  # the line of postmaster.pid that holds it
_PR_SET_PDEATHSIG = 1
_LINUX = sys.platform == "linux"


class EmbeddedPostgres:
    """A PostgreSQL server on the folder `directory`, reached over a unix socket only, by password only.

    The folder holds `cluster` (the data), `server.log` and `lock`. One process at a time may run it; while it does,
    `worker.url` says where a process of the same account reaches the database, as a worker. `password` is the owner's;
    without it one is made at each start.
    """

    def __init__(self, directory: Path, binaries: Path | None = None, password: str | None = None) -> None:
        self._directory = directory.absolute()
        self._setting = binaries
        self._cluster = self._directory / "cluster"
        self._log = self._directory / "server.log"
        self._worker_url = self._directory / "worker.url"
        self._outside = Outside(self._directory / "outside")
        self._socket = self._cluster  # the folder it is in
        self._is_random = password is None
        self._password = password or secrets.token_urlsafe(32)
        self._account: ProcessUser | None = None
        self._has_passwords = False
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, None before the start and after the stop."""
        return self._process.pid if self._process else None

    async def start(self) -> str:
        """Start, or start again after the server ended, and give the URL of the database `integrahub`.

        Waits as long as recovery takes. ConfigurationError when the folder, the programs or the server refuse.
        """
        if threading.current_thread() is not threading.main_thread():
            # The kernel ties the server's life to the thread that started it.
            raise ConfigurationError("The embedded PostgreSQL must be started from the main thread, and was not.")
        ignore_libpq_variables()
        if self._process and self._process.poll() is None:
            return self._url(_DATABASE)
        try:
            await self._launch()
            await self._answering()
            await self._create_database()
        except BaseException:
            await self.stop()
            raise
        return self._url(_DATABASE)

    async def url_of_running(self) -> str | None:
        """The URL of the database `integrahub`, for a worker's login, while another process runs this folder.

        None when there is no such process. Nothing is sent to a server that does not know the password itself.
        """
        ignore_libpq_variables()
        with contextlib.suppress(FileNotFoundError, psycopg.OperationalError):
            if os.geteuid() not in (0, self._worker_url.lstat().st_uid):
                return None
            url = self._worker_url.read_text("utf-8").strip()
            await (await connect(url)).close()
            return url
        return None

    async def stop(self) -> None:
        """End all sessions, write everything down, and wait until the server is gone."""
        if process := self._process:
            process.send_signal(signal.SIGINT)
            await _ended(process, _POLL)
            self._process = None
        if self._lock:
            self._worker_url.unlink(missing_ok=True)
            self._outside.remove()
            self._lock.close()
            self._lock = None

    async def wait(self) -> None:
        """Return when the server's process ends, for whatever reason."""
        if process := self._process:
            await _ended(process, _LOOK)

    def _url(self, database: str) -> str:
        # A server that asks for anything but a proof of the password, which it must give as well, is not ours.
        where = f"host={quote(str(self._socket), safe='')}&port=5432&require_auth=scram-sha-256"
        return f"postgresql://{logins.OWNER}:{quote(self._password, safe='')}@/{database}?{where}"

    async def _launch(self) -> None:
        self._take_folder()
        fresh = self._directory / "cluster.new"
        for place in (fresh, self._cluster):
            await end_strays(place)
        account = self._account = account_for(self._cluster)
        programs = await asyncio.to_thread(prepare, self._setting, account, self._outside.folder)
        if not self._cluster.is_dir() or not any(self._cluster.iterdir()):
            await self._create_cluster(programs.folder, fresh, account)
        check_version(self._cluster, programs)
        self._socket = self._outside.socket_folder(self._cluster, account)
        remove_stale(self._cluster / "postmaster.pid", self._cluster)
        remove_stale(self._socket / ".s.PGSQL.5432.lock", self._cluster)
        (logins.ask_passwords if self._has_passwords else logins.admit_starter)(self._cluster, account)
        # Below closed folders the server's account finds the cluster as its working directory alone.
        socket = "." if self._socket == self._cluster else str(self._socket)
        options = [f"{name}={value}" for name, value in {**CONFIGURATION, "unix_socket_directories": socket}.items()]
        arguments = [part for option in options for part in ("-c", option)]
        self._process = self._spawn([str(programs.folder / "postgres"), *arguments], self._cluster, account)

    def _take_folder(self) -> None:
        """Lock the folder against a second hub, which would end our server as a stray."""
        if self._lock:
            return
        self._lock = take_folder(self._directory)
        if self._log.exists() and self._log.stat().st_size > _LOG_LIMIT:
            os.replace(self._log, self._log.with_suffix(".log.1"))

    def _spawn(self, arguments: list[str], place: Path, account: ProcessUser) -> "subprocess.Popen[bytes]":
        """Start a program on the data folder `place`, its output in the log."""
        # By way of its working directory another account reaches a folder below closed ones, such as /root.
        data = "/proc/self/cwd" if account.switch and _LINUX else str(place)
        with open(self._log, "ab") as log:
            return subprocess.Popen(
                [*arguments, "-D", data],
                cwd=place,
                env={"PATH": os.defpath, "LC_MESSAGES": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=tie_to_parent(),
                **account.switch,
            )

    async def _create_cluster(self, folder: Path, fresh: Path, account: ProcessUser) -> None:
        """A new cluster under another name first, so that one cut short is never taken for a whole one."""
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
        maker = account if account.has_name else nobody()
        own_folder(fresh, maker)
        initdb = self._spawn([str(folder / "initdb"), *_INITDB], fresh, maker)
        try:
            await _ended(initdb, _POLL)
        finally:
            if initdb.poll() is None:
                initdb.terminate()
                initdb.wait()
        if initdb.returncode:
            raise ConfigurationError(f"PostgreSQL could not create its files in {fresh}. {self._tail()}")
        if maker != account:
            await asyncio.to_thread(give, fresh, account)
        os.rename(fresh, self._cluster)
        _sync(self._directory)

    async def _answering(self) -> None:
        """Wait until recovery ends, as long as it takes; then a server that refuses us is not asked for ever."""
        await self._ready()
        end = asyncio.get_running_loop().time() + _ANSWER
        while True:
            try:
                if not self._has_passwords:
                    await self._set_passwords()
                async with await self._connect() as connection:
                    await connection.execute("SELECT 1")
                    return
            except psycopg.OperationalError as error:
                self._check_running()
                if asyncio.get_running_loop().time() > end:
                    raise ConfigurationError(
                        f"The embedded PostgreSQL runs but refuses the hub: {str(error).strip()}. {self._tail()}"
                    ) from error
                await asyncio.sleep(_POLL)

    async def _set_passwords(self) -> None:
        """Set this start's passwords as the one account that needs none, and have everybody asked from then on."""
        assert self._process is not None and self._account is not None
        place = f"@/postgres?host={quote(str(self._socket), safe='')}&port=5432&require_auth=none"
        async with await connect(
            f"postgresql://{logins.OWNER}{place}", autocommit=True, answer_timeout=_STATEMENT
        ) as connection:
            await logins.set_passwords(connection, self._password, is_random=self._is_random)
        logins.ask_passwords(self._cluster, self._account)
        self._process.send_signal(signal.SIGHUP)
        self._has_passwords = True

    async def _ready(self) -> None:
        """Return once the server says in its own file that it takes connections."""
        while True:
            self._check_running()
            with contextlib.suppress(FileNotFoundError):
                lines = (self._cluster / "postmaster.pid").read_text().splitlines()
                if len(lines) > _STATUS and lines[_STATUS].strip() == "ready":
                    return
            await asyncio.sleep(_POLL)

    def _check_running(self) -> None:
        assert self._process is not None
        if (code := self._process.poll()) is not None:
            raise ConfigurationError(f"PostgreSQL ended with {code} instead of starting. {self._tail()}")

    async def _connect(self) -> HubConnection:
        return await connect(self._url("postgres"), autocommit=True, answer_timeout=_STATEMENT)

    async def _create_database(self) -> None:
        async with await self._connect() as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE])
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))
        logins.keep(self._worker_url, logins.url_as(self._url(_DATABASE), DatabaseRole.WORKER))

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_text("utf-8", "replace").splitlines()[-15:]
            return f"The end of {self._log}:\n" + "\n".join(lines)
        return f"See {self._log}."


async def _ended(process: "subprocess.Popen[bytes]", pause: float) -> None:
    """Return when the process is gone, which is looked at every `pause` seconds.

    Independent of any event loop's own watching of children.
    """
    while True:
        if process.poll() is not None:
            return
        await asyncio.sleep(pause)


def tie_to_parent() -> Callable[[], None] | None:
    """What the child runs before the program: ask for a fast shutdown when we are killed."""
    if not _LINUX:
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
