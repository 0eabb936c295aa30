"""An object is durable before it has its name; only storage errors open the circuit breaker."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest

from integrahub.domain.errors import Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.storage import folders
from integrahub.storage.circuit_breaking import CircuitBreakingStorage
from integrahub.storage.files import FileStorage


async def _blocks(*blocks: bytes, then: Callable[[], None] = lambda: None) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
    then()


def _break_off() -> None:
    raise ConnectionResetError("the client is gone")


async def _read(storage: FileStorage, name: str) -> bytes:
    return b"".join([block async for block in storage.get(name)])


async def test_an_object_gets_its_name_once_its_bytes_are_on_the_disk_and_then_its_folder_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, done = FileStorage(tmp_path), list[tuple[str, str, int]]()
    await storage.put("batches/first", _blocks(b"x"))
    fsync, replace = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append(("flush", path.parent.name if path.is_file() else path.name, path.stat().st_size))
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        done.append(("rename", target.name, path.stat().st_size))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    await storage.put("batches/second", _blocks(b"one", b"two"))
    assert [step[:2] for step in done] == [("flush", ".unfinished"), ("rename", "second"), ("flush", "batches")]
    assert done[0][2] == done[1][2] == 6


async def test_a_small_object_takes_one_operation_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, submitted = FileStorage(tmp_path), list[object]()
    await storage.put("batches/first", _blocks(b"x"))
    submit = storage._threads._executor.submit

    def record(call: Callable[..., object], *values: object) -> object:
        submitted.append(call)
        return submit(call, *values)

    monkeypatch.setattr(storage._threads._executor, "submit", record)
    await storage.put("batches/second", _blocks(*[b"n" * 65_536] * 8))
    assert len(submitted) == 1
    await storage.put("batches/third", _blocks(*[b"n" * 65_536] * 40))
    assert len(submitted) == 1 + 3  # two full megabytes, then the rest


async def test_an_object_of_a_folder_that_was_removed_meanwhile_is_stored_and_its_folder_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, flushed = FileStorage(tmp_path), list[Path]()
    await storage.put("batches/a/first", _blocks(b"x"))
    shutil.rmtree(tmp_path / "batches")
    shutil.rmtree(tmp_path / ".unfinished")
    flush = folders.flush_folder
    monkeypatch.setattr(folders, "flush_folder", lambda folder: (flushed.append(folder), flush(folder)))
    await storage.put("batches/a/second", _blocks(b"y"))
    assert await _read(storage, "batches/a/second") == b"y"
    assert {tmp_path, tmp_path / "batches"} <= set(flushed)


def test_threads_that_wait_for_a_flush_share_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, released, flushes = threading.Event(), threading.Event(), list[int]()
    flush = folders.SharedFlush(tmp_path)

    def slow(_: Path) -> None:
        flushes.append(flush._requested)
        begun.set()
        assert released.wait(10)

    monkeypatch.setattr(folders, "flush_folder", slow)
    with ThreadPoolExecutor(5) as threads:
        calls = [threads.submit(flush)]
        assert begun.wait(10)
        calls += [threads.submit(flush) for _ in range(4)]  # what these renamed, the running flush may have missed
        while flush._requested < 5:
            time.sleep(0.001)
        released.set()
        for call in calls:
            call.result()
    assert flushes == [1, 5]


def test_a_flush_that_failed_is_not_shared(tmp_path: Path) -> None:
    flush = folders.SharedFlush(tmp_path / "absent")
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            flush()


async def test_a_put_that_is_cut_off_leaves_the_older_object_as_it_was(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path)
    await storage.put("batches/one", _blocks(b"older"))
    seen = list[tuple[list[str], bytes]]()

    async def looking() -> AsyncIterator[bytes]:
        yield b"n" * 300_000
        seen.append(([name async for name in storage.list("")], await _read(storage, "batches/one")))
        yield b"n" * 300_000
        _break_off()

    with pytest.raises(ConnectionResetError):
        await storage.put("batches/one", looking())
    assert seen == [(["batches/one"], b"older")] and await _read(storage, "batches/one") == b"older"


async def test_a_client_that_breaks_off_is_no_fault_of_storage(tmp_path: Path) -> None:
    breaker = CircuitBreaker("Storage", monotonic, threshold=1)
    storage = CircuitBreakingStorage(FileStorage(tmp_path), breaker)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            await storage.put("batches/one", _blocks(b"x", then=_break_off))
    assert breaker.state is CircuitState.CLOSED


class _Hanging(FileStorage):
    """Storage whose deletes never return."""

    async def delete(self, name: str) -> None:
        await asyncio.Event().wait()


async def test_two_deadlines_that_passed_open_a_breaker_that_takes_five_refusals(tmp_path: Path) -> None:
    breaker = CircuitBreaker("Storage", monotonic, threshold=5)
    storage = CircuitBreakingStorage(_Hanging(tmp_path), breaker, timeout=0.01)
    for _ in range(2):
        with pytest.raises(Transient, match="no answer within"):
            await storage.delete("batches/one")
    assert breaker.state is CircuitState.OPEN
