"""A hung disk or S3: its callers get a response soon, others do not wait, and it recovers by itself."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from integrahub.domain.errors import Transient
from integrahub.domain.steps import STEPS
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.settings.model import Settings
from integrahub.storage import folders, open_files
from integrahub.storage.base import Storage
from integrahub.storage.circuit_breaking import CircuitBreakingStorage
from integrahub.storage.files import FileStorage
from integrahub.storage.s3.config import S3Config
from tests.fault_injection.freezing import child, frozen
from tests.fault_injection.test_frozen_hub import SHORT
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import catalogue

_LARGE = json.dumps(catalogue(3000)).encode()  # too large to ride in a row


@contextmanager
def hung_disk() -> Iterator[None]:
    """Block every flush to disk until the block ends."""
    released, fsync = threading.Event(), os.fsync

    def hang(descriptor: int) -> None:
        released.wait()
        fsync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_files.os, "fsync", hang)
        try:
            yield
        finally:
            released.set()


def guarded(inner: Storage, patience: float = 0.3) -> CircuitBreakingStorage:
    breaker = CircuitBreaker("Storage", monotonic, pause=0.1, max_pause=0.2)
    return CircuitBreakingStorage(inner, breaker, patience)


async def blocks(count: int = 1, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(pause)
        yield b"x" * 1000


@contextmanager
def released(fifo: Path) -> Iterator[None]:
    """Let those that wait to open the FIFO go on, and all later ones.

    Opened for reading and writing, it waits for no partner: a writer would wake all readers at once, and a second
    writer would then wait for ever for a reader.
    """
    descriptor = os.open(fifo, os.O_RDWR)
    try:
        yield
    finally:
        os.close(descriptor)


async def passes(call: Callable[[], Awaitable[None]]) -> bool:
    """Return whether the storage answered within its deadline; on a busy machine a flush may take longer once."""
    try:
        await call()
    except Transient:
        return False
    return True


async def names(storage: Storage) -> list[str]:
    return [name async for name in storage.list("")]


async def answered_while_hung(client: Client) -> None:
    """Check that large posts get 503 soon, small ones 202, and that health names storage."""
    for _ in range(2):
        begun = monotonic()
        refused = await client.post(_LARGE)
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) >= 1
        assert monotonic() - begun < 6
    assert (await client.post(catalogue(2), "delta")).status_code == 202
    storage = (await client.http.get("/health")).json()["checks"]["storage"]
    assert storage["status"] == "down" and storage["breaker"] != "closed"
    assert await asyncio.wait_for(asyncio.to_thread(lambda: True), 2)  # threads of others are free


async def goes_on(client: Client) -> None:
    async with asyncio.timeout(10):
        while (again := await client.post(_LARGE)).status_code != 202:
            await asyncio.sleep(0.05)
    assert (await client.finished(again.json()["batch_id"]))["status"] == "COMPLETED"


async def test_a_disk_that_hangs_is_a_503_soon_and_holds_nothing_else(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, rate_limit="off")
    async with running(settings, list(STEPS), SHORT) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        with hung_disk():
            await answered_while_hung(client)
        await goes_on(client)
        async with asyncio.timeout(10):
            while list((tmp_path / "objects" / ".unfinished").iterdir()):
                await asyncio.sleep(0.02)


async def test_an_s3_that_is_frozen_is_a_503_soon_and_goes_on_after(
    database_url: str, tmp_path: Path, bucket: S3Config
) -> None:
    settings = Settings(
        database_url=database_url,
        data_dir=tmp_path,
        admin_api_key=ADMIN,
        rate_limit="off",
        storage_url=f"s3://{bucket.bucket}?endpoint={bucket.endpoint}",
        storage_access_key=bucket.access_key,
        storage_secret_key=bucket.secret_key,
    )
    async with running(settings, list(STEPS), SHORT) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        with frozen(child("weed")):
            await answered_while_hung(client)
        await goes_on(client)


async def test_a_put_given_up_while_the_disk_hangs_never_becomes_an_object(tmp_path: Path) -> None:
    inner = FileStorage(tmp_path)
    storage = guarded(inner)
    await inner.put("batches/older", blocks())
    with hung_disk():
        with pytest.raises(Transient, match="no progress"):
            await storage.put("batches/late", blocks())
        assert not storage._abandoned  # the put ended before its caller learned of it
    async with asyncio.timeout(10):
        while list((tmp_path / ".unfinished").iterdir()):
            await asyncio.sleep(0.02)
    assert await names(inner) == ["batches/older"]

    async def put() -> None:
        await storage.put("batches/next", blocks())

    async with asyncio.timeout(10):
        while not await passes(put):
            await asyncio.sleep(0.05)
    assert sorted(await names(inner)) == ["batches/next", "batches/older"]


async def test_a_read_that_hangs_ends_by_the_deadline_and_opens_the_breaker(tmp_path: Path) -> None:
    storage = guarded(FileStorage(tmp_path))
    (tmp_path / "batches").mkdir()
    os.mkfifo(tmp_path / "batches" / "hung")  # opening it waits for a writer
    for _ in range(2):
        with pytest.raises(Transient, match="no answer within"):
            [block async for block in storage.get("batches/hung")]
    assert storage._breaker.state is not CircuitState.CLOSED
    with released(tmp_path / "batches" / "hung"):
        async with asyncio.timeout(10):
            while not await passes(storage.check):
                await asyncio.sleep(0.05)
    assert storage._breaker.state is CircuitState.CLOSED


async def test_a_client_that_is_slow_is_no_storage_that_hangs(tmp_path: Path) -> None:
    storage = guarded(FileStorage(tmp_path), patience=1.0)
    assert await storage.put("batches/slow", blocks(2, pause=1.2)) == 2000
    assert storage._breaker.state is CircuitState.CLOSED


async def test_who_finds_a_folder_made_just_now_flushes_its_entry_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    flush = folders.flush_folder

    def noted(folder: Path) -> None:
        flushed.append(folder)
        flush(folder)

    monkeypatch.setattr(folders, "flush_folder", noted)
    (tmp_path / "batches" / "05927228000145").mkdir(parents=True)  # by another put, which has not flushed them yet
    storage = FileStorage(tmp_path)
    await storage.put("batches/05927228000145/1", blocks())
    assert {tmp_path, tmp_path / "batches"} <= set(flushed)
    flushed.clear()
    await storage.put("batches/05927228000145/2", blocks())
    assert flushed == [tmp_path / "batches" / "05927228000145"]  # once is enough for the others
