"""A base backup that fails half way ends, and leaves neither a process nor a slot that keeps WAL."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from integrahub.db.embedded import base_backup
from integrahub.db.embedded.base_backup import BaseBackup
from tests.conftest import Server

_TIMEOUT_SECONDS = 30.0
_WRITTEN_BYTES = 2 << 20
_ENDLESS = "exec cat /dev/zero"
_STUBBORN = "trap '' TERM; exec cat /dev/zero"


class _FullDisk:
    """Takes some megabytes, slower than they come, and no more."""

    written = 0

    def write(self, block: bytes) -> None:
        self.written += len(block)
        if self.written > _WRITTEN_BYTES:
            raise OSError(28, "No space left on device")


def _program(folder: Path, script: str) -> Path:
    """Return a folder with a pg_basebackup that never ends by itself, and is always ahead of who reads it."""
    program = folder / "pg_basebackup"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return folder


def _slots(url: str) -> list[tuple[str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT slot_name FROM pg_replication_slots").fetchall()


@pytest.mark.parametrize("script", [_ENDLESS, _STUBBORN])
async def test_a_backup_to_a_full_disk_ends(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    if script == _STUBBORN:
        monkeypatch.setattr(base_backup, "_END_TIMEOUT_SECONDS", 0.2)
    base = BaseBackup(_program(tmp_path, script), postgres.url, _FullDisk().write, lambda done, total: None)
    with pytest.raises(OSError, match="No space left"):
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await base.run()
    assert _slots(postgres.url) == []


async def test_a_cancelled_backup_ends(postgres: Server, tmp_path: Path) -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    base = BaseBackup(
        _program(tmp_path, _ENDLESS),
        postgres.url,
        lambda block: loop.call_soon_threadsafe(begun.set),
        lambda done, total: None,
    )
    task = asyncio.create_task(base.run())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await task
    assert _slots(postgres.url) == []
