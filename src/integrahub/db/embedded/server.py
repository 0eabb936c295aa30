"""The embedded PostgreSQL server: start on a data folder, recover after crashes of server or hub, stop."""

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
from integrahub.db.embedded.leftovers import check_restoration, remove_stale_pid_file, stop_leftover_servers
from integrahub.db.embedded.process_user import ProcessUser, change_owner, choose_user, make_private_folder, nobody_user
from integrahub.db.embedded.run_folder import RunFolder
from integrahub.db.sessions import ignore_libpq_variables
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.errors import ConfigurationError

_DATABASE = "integrahub"
_INITDB = ["--locale-provider=builtin", "--locale=C.UTF-8", "-E", "UTF8", "--auth-local=peer", "--auth-host=reject"]
_INITDB += ["-U", logins.OWNER]
_MAX_LOG_BYTES = 16 << 20  # a longer log is rotated at the start
_POLL_INTERVAL_SECONDS = 0.02  # while the server starts or stops
_EXIT_POLL_INTERVAL_SECONDS = 0.1  # while the server runs
_SERVER_ANSWER_TIMEOUT_SECONDS = 10.0  # from the time at which the server is ready
_SERVER_STATEMENT_TIMEOUT_SECONDS = 30.0  # for statements of the start
_STATUS_LINE = 7  # of postmaster.pid
_PR_SET_PDEATHSIG = 1
_LINUX = sys.platform == "linux"


class EmbeddedPostgres:
    """A PostgreSQL server on the folder `directory`. It accepts connections on a unix socket only, with a password.

    The folder holds `cluster` (the data), `server.log` and `lock`. One process at a time can run the server. While it
    runs, `worker.url`, `console.url` and `backup.url` hold URLs with these logins for other processes of the same user.
    `password` is the owner's; if None, a random one is generated at each start.
    """

    def __init__(self, directory: Path, binaries: Path | None = None, password: str | None = None) -> None:
        self._directory = directory.absolute()
        self._setting = binaries
        self._cluster = self._directory / "cluster"
        self._log = self._directory / "server.log"
        names = {DatabaseRole.WORKER: "worker.url", DatabaseRole.CONSOLE: "console.url", logins.BACKUP: "backup.url"}
        self._url_files: dict[str, Path] = {role: self._directory / name for role, name in names.items()}
        self._run_folder = RunFolder(self._directory / "outside")
        self._socket_folder = self._cluster
        self._is_random = password is None
        self._password = password or secrets.token_urlsafe(32)
        self._user: ProcessUser | None = None
        self._has_passwords = False
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None if it does not run."""
        return self._process.pid if self._process else None

    async def start(self) -> str:
        """Start the server, also after it ended, and return the URL of the database `integrahub`.

        Wait as long as crash recovery takes. Raise ConfigurationError if the folder, the programs or the server
        cannot be used.
        """
        if threading.current_thread() is not threading.main_thread():
            # When the thread that started the server ends, the kernel signals the server as if its parent had died.
            raise ConfigurationError("The embedded PostgreSQL must be started from the main thread.")
        ignore_libpq_variables()
        if self._process and self._process.poll() is None:
            return self._url(_DATABASE)
        try:
            await self._launch()
            await self._wait_until_answering()
            await self._create_database()
        except BaseException:
            await self.stop()
            raise
        return self._url(_DATABASE)

    async def url_of_running(self, role: str = DatabaseRole.WORKER) -> str | None:
        """Return a URL with the login of a worker, the console or backups if the server runs on this folder, else None.

        SCRAM proves that the server knows the password; nothing else is sent to one that does not.
        """
        ignore_libpq_variables()
        with contextlib.suppress(FileNotFoundError, psycopg.OperationalError):
            file = self._url_files[role]
            if os.geteuid() not in (0, file.lstat().st_uid):
                return None
            url = file.read_text("utf-8").strip()
            await (await connect(url)).close()
            return url
        return None

    async def stop(self) -> None:
        """Stop the server by a fast shutdown and wait until it has exited."""
        if process := self._process:
            process.send_signal(signal.SIGINT)
            await _wait_for_exit(process, _POLL_INTERVAL_SECONDS)
            self._process = None
        if self._lock:
            for file in self._url_files.values():
                file.unlink(missing_ok=True)
            self._run_folder.remove()
            self._lock.close()
            self._lock = None

    async def wait(self) -> None:
        """Wait until the server exits."""
        if process := self._process:
            await _wait_for_exit(process, _EXIT_POLL_INTERVAL_SECONDS)

    def _url(self, database: str) -> str:
        # With SCRAM the server must prove that it knows the password. Another server on this socket cannot.
        where = f"host={quote(str(self._socket_folder), safe='')}&port=5432&require_auth=scram-sha-256"
        return f"postgresql://{logins.OWNER}:{quote(self._password, safe='')}@/{database}?{where}"

    async def _launch(self) -> None:
        self._take_folder()
        check_restoration(self._directory, self._cluster)
        fresh = self._directory / "cluster.new"
        for folder in (fresh, self._cluster):
            await stop_leftover_servers(folder)
        user = self._user = choose_user(self._cluster)
        programs = await asyncio.to_thread(prepare, self._setting, user, self._run_folder.folder)
        if not self._cluster.is_dir() or not any(self._cluster.iterdir()):
            await self._create_cluster(programs.folder, fresh, user)
        check_version(self._cluster, programs)
        self._socket_folder = self._run_folder.socket_folder(self._cluster, user)
        remove_stale_pid_file(self._cluster / "postmaster.pid", self._cluster)
        remove_stale_pid_file(self._socket_folder / ".s.PGSQL.5432.lock", self._cluster)
        (logins.require_passwords if self._has_passwords else logins.allow_current_user)(self._cluster, user)
        # If a parent folder is closed to the user of the server, only a path relative to the working directory works.
        socket = "." if self._socket_folder == self._cluster else str(self._socket_folder)
        options = [f"{name}={value}" for name, value in {**CONFIGURATION, "unix_socket_directories": socket}.items()]
        arguments = [part for option in options for part in ("-c", option)]
        self._process = self._spawn([str(programs.folder / "postgres"), *arguments], self._cluster, user)

    def _take_folder(self) -> None:
        """Lock the folder against a second hub, which would stop our server as a leftover."""
        if self._lock:
            return
        self._lock = take_folder(self._directory)
        if self._log.exists() and self._log.stat().st_size > _MAX_LOG_BYTES:
            os.replace(self._log, self._log.with_suffix(".log.1"))

    def _spawn(self, arguments: list[str], data_folder: Path, user: ProcessUser) -> "subprocess.Popen[bytes]":
        """Start a program of PostgreSQL on a data folder and append its output to the log."""
        # The working directory can be opened even if a parent folder, such as /root, is closed to the other user.
        data = "/proc/self/cwd" if user.popen_arguments and _LINUX else str(data_folder)
        with open(self._log, "ab") as log:
            return subprocess.Popen(
                [*arguments, "-D", data],
                cwd=data_folder,
                env={"PATH": os.defpath, "LC_MESSAGES": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=tie_to_parent(),
                **user.popen_arguments,
            )

    async def _create_cluster(self, folder: Path, fresh: Path, user: ProcessUser) -> None:
        """Create a cluster under another name and then rename it, so that an incomplete one is never used."""
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
        creator = user if user.has_name else nobody_user()  # initdb requires a user name
        make_private_folder(fresh, creator)
        initdb = self._spawn([str(folder / "initdb"), *_INITDB], fresh, creator)
        try:
            await _wait_for_exit(initdb, _POLL_INTERVAL_SECONDS)
        finally:
            if initdb.poll() is None:
                initdb.terminate()
                initdb.wait()
        if initdb.returncode:
            raise ConfigurationError(f"PostgreSQL could not create its files in {fresh}. {self._log_tail()}")
        if creator != user:
            await asyncio.to_thread(change_owner, fresh, user)
        os.rename(fresh, self._cluster)
        _sync(self._directory)

    async def _wait_until_answering(self) -> None:
        """Wait until recovery ends, however long it takes, and then a limited time for the first answer."""
        await self._wait_until_ready()
        deadline = asyncio.get_running_loop().time() + _SERVER_ANSWER_TIMEOUT_SECONDS
        while True:
            try:
                if not self._has_passwords:
                    await self._set_passwords()
                async with await self._connect() as connection:
                    await connection.execute("SELECT 1")
                    return
            except psycopg.OperationalError as error:
                self._check_running()
                if asyncio.get_running_loop().time() > deadline:
                    raise ConfigurationError(
                        f"The embedded PostgreSQL runs but refuses the hub: {str(error).strip()}. {self._log_tail()}"
                    ) from error
                await asyncio.sleep(_POLL_INTERVAL_SECONDS)

    async def _set_passwords(self) -> None:
        """Set the passwords as the one user that may log in without; afterwards every login requires one."""
        assert self._process is not None and self._user is not None
        target = f"@/postgres?host={quote(str(self._socket_folder), safe='')}&port=5432&require_auth=none"
        async with await connect(
            f"postgresql://{logins.OWNER}{target}", autocommit=True, answer_timeout=_SERVER_STATEMENT_TIMEOUT_SECONDS
        ) as connection:
            await logins.set_passwords(connection, self._password, is_random=self._is_random)
        logins.require_passwords(self._cluster, self._user)
        self._process.send_signal(signal.SIGHUP)
        self._has_passwords = True

    async def _wait_until_ready(self) -> None:
        """Wait until postmaster.pid says that the server accepts connections."""
        while True:
            self._check_running()
            with contextlib.suppress(FileNotFoundError):
                lines = (self._cluster / "postmaster.pid").read_text().splitlines()
                if len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready":
                    return
            await asyncio.sleep(_POLL_INTERVAL_SECONDS)

    def _check_running(self) -> None:
        assert self._process is not None
        if (code := self._process.poll()) is not None:
            raise ConfigurationError(f"PostgreSQL ended with {code} instead of starting. {self._log_tail()}")

    async def _connect(self) -> HubConnection:
        return await connect(self._url("postgres"), autocommit=True, answer_timeout=_SERVER_STATEMENT_TIMEOUT_SECONDS)

    async def _create_database(self) -> None:
        async with await self._connect() as connection:
            existing = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE])
            if await existing.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))
        for role, file in self._url_files.items():
            logins.write_url(file, logins.url_as(self._url(_DATABASE), role))

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_text("utf-8", "replace").splitlines()[-15:]
            return f"The end of {self._log}:\n" + "\n".join(lines)
        return f"See {self._log}."


async def _wait_for_exit(process: "subprocess.Popen[bytes]", poll_interval: float) -> None:
    """Wait until the process exits. Polls, so that it does not depend on the child watcher of the event loop."""
    while True:
        if process.poll() is not None:
            return
        await asyncio.sleep(poll_interval)


def tie_to_parent() -> Callable[[], None] | None:
    """Return a `preexec_fn` by which the kernel sends a fast shutdown to the child when this process dies."""
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
