"""Base backup of a running embedded PostgreSQL: one tar stream with all files of the cluster and the WAL they need."""

import asyncio
import os
import secrets
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from integrahub.db.connections import HubConnection, connect
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_one, fetch_value
from integrahub.domain.errors import ConfigurationError, Transient

_SQL = load_queries(__name__)
_BLOCK_BYTES = 1 << 20
_PROGRESS_INTERVAL_SECONDS = 0.2
_END_TIMEOUT_SECONDS = 10.0  # from the signal to the end of pg_basebackup
_MAX_OUTPUT_TAIL = 1000
_FORMAT = ("--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--no-password")


class _Progress(msgspec.Struct, frozen=True):
    at: datetime
    has_all_data: bool
    streamed: int
    total: int


@dataclass(slots=True)
class BaseBackup:
    """Stream a base backup to `write`, block by block.

    `url` has the login of backups. `report` is called with the bytes done and the bytes in all.
    """

    programs: Path
    url: str
    write: Callable[[bytes], object]
    report: Callable[[int, int], None]
    _covers_until: datetime = field(init=False)

    async def run(self) -> datetime:
        """Return a time of the server: the backup holds all that was committed before it.

        Raise ConfigurationError if the programs lack pg_basebackup, Transient if the backup fails.
        """
        program = _find(self.programs)
        name = f"integrahub_backup_{os.getpid()}_{secrets.token_hex(4)}"
        # The temporary slot keeps the WAL from the first file to the last; it ends with this session.
        async with await connect(self.url, autocommit=True) as connection:
            if started := await fetch_value(connection, _SQL["keep_wal"], {"slot": name}, datetime):
                self._covers_until = started
            with tempfile.TemporaryFile() as errors:
                process = await self._spawn(program, name, errors)
                watching = asyncio.create_task(self._watch(connection, name))
                try:
                    await self._copy(process)
                finally:
                    watching.cancel()
                    await _end(process)
                    await asyncio.wait([watching])
                if process.returncode:
                    raise Transient(f"pg_basebackup ended with {process.returncode}: {_tail(errors)}")
        return self._covers_until

    async def _spawn(self, program: Path, name: str, errors: IO[bytes]) -> Process:
        parameters = {key: str(value) for key, value in conninfo_to_dict(self.url).items() if value is not None}
        password = parameters.pop("password", "")  # a variable: any account can read command lines
        target = make_conninfo("", **parameters | {"application_name": name})
        environment = {"PATH": os.defpath, "LC_MESSAGES": "C", "PGPASSWORD": password}
        return await asyncio.create_subprocess_exec(
            str(program), *_FORMAT, f"--dbname={target}", stdout=PIPE, stderr=errors, env=environment
        )

    async def _copy(self, process: Process) -> None:
        assert process.stdout is not None
        while block := await process.stdout.read(_BLOCK_BYTES):
            await asyncio.to_thread(self.write, block)

    async def _watch(self, connection: HubConnection, name: str) -> None:
        """Report progress, and keep the last time at which PostgreSQL was still sending files of the cluster."""
        with suppress(OperationalError):  # the backup itself then fails too
            while True:
                progress = await fetch_one(connection, _SQL["progress"], {"name": name}, _Progress)
                if progress and not progress.has_all_data:
                    self._covers_until = progress.at
                if progress and progress.total:
                    self.report(progress.streamed, progress.total)
                await asyncio.sleep(_PROGRESS_INTERVAL_SECONDS)


def _find(programs: Path) -> Path:
    program = programs / "pg_basebackup"
    if not program.is_file():
        raise ConfigurationError(
            f"There is no pg_basebackup in {programs}. Install the client programs of PostgreSQL there, set "
            "INTEGRAHUB_POSTGRES_BIN to a folder that has them, or unset it to use those of the wheel."
        )
    return program


async def _end(process: Process) -> None:
    """Terminate the program unless it has ended by itself, and kill it if it does not end in time."""
    with suppress(ProcessLookupError):
        if process.returncode is None and process.stdout and not process.stdout.at_eof():
            process.terminate()
    try:
        await asyncio.wait_for(_drain(process), _END_TIMEOUT_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await _drain(process)


async def _drain(process: Process) -> None:
    """Wait for the end of the program. Drop what it still writes: with a full pipe its end would not be noticed."""
    while process.stdout and await process.stdout.read(_BLOCK_BYTES):
        continue
    await process.wait()


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace")[-_MAX_OUTPUT_TAIL:].strip()
