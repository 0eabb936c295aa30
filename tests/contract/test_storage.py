"""Contract of the storage port, for every adapter."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.storage.base import ObjectMissing, Storage
from integrahub.storage.circuit_breaking import CircuitBreakingStorage
from integrahub.storage.files import FileStorage
from integrahub.storage.memory import MemoryStorage
from integrahub.storage.s3.objects import S3Storage
from tests.conftest import new_bucket
from tests.contract.conftest import S3_KINDS, server_of


@pytest.fixture(params=["files", "memory", "guarded", *S3_KINDS])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    if request.param in S3_KINDS:
        return S3Storage(new_bucket(server_of(request, request.param)))
    plain = FileStorage(tmp_path / "objects")
    return plain if request.param == "files" else CircuitBreakingStorage(plain, CircuitBreaker("storage", monotonic))


async def stream(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def read(storage: Storage, name: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([block async for block in storage.get(name, start, length)])


async def test_an_object_comes_back_whole_and_by_ranges(storage: Storage) -> None:
    whole = bytes(range(256)) * 8192
    assert await storage.put("batches/a/1", stream(whole[:700_000], whole[700_000:])) == len(whole)
    assert await read(storage, "batches/a/1") == whole
    assert await read(storage, "batches/a/1", 1_000_000, 600_000) == whole[1_000_000:1_600_000]
    assert await read(storage, "batches/a/1", len(whole)) == b""
    assert await read(storage, "batches/a/1", len(whole) - 2, 9) == whole[-2:]
    assert await read(storage, "batches/a/1", -600_000) == whole[-600_000:]
    assert await read(storage, "batches/a/1", -3_000_000, 700_000) == whole[:700_000]


async def test_an_empty_object_is_read_as_nothing(storage: Storage) -> None:
    await storage.put("batches/empty", stream(b""))
    for start in (0, 1, -9):
        assert await read(storage, "batches/empty", start) == b""
    assert await read(storage, "batches/empty", 0, 0) == b""


async def test_a_second_put_replaces_the_first(storage: Storage) -> None:
    await storage.put("chunks/a", stream(b"long before"))
    await storage.put("chunks/a", stream(b"short"))
    assert await read(storage, "chunks/a") == b"short"


async def test_a_put_whose_blocks_fail_leaves_nothing_and_spares_the_older_object(storage: Storage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ConnectionResetError

    await storage.put("batches/kept", stream(b"older"))
    for name in ("batches/kept", "batches/new"):
        with pytest.raises(ConnectionResetError):
            await storage.put(name, broken())
    assert [name async for name in storage.list("")] == ["batches/kept"]
    assert await read(storage, "batches/kept") == b"older"


async def test_an_absent_object_is_told_apart_and_deleting_it_is_no_error(storage: Storage) -> None:
    await storage.delete("batches/none")
    with pytest.raises(ObjectMissing, match="batches/none"):
        await read(storage, "batches/none")


async def test_listing_gives_the_names_under_a_prefix_only(storage: Storage) -> None:
    for name in ("batches/a/1", "batches/a/2", "batches/ab/1", "chunks/a/1"):
        await storage.put(name, stream(b"x"))
    await storage.delete("batches/a/2")
    assert sorted([name async for name in storage.list("batches/a/")]) == ["batches/a/1"]
    assert sorted([name async for name in storage.list("batches/a")]) == ["batches/a/1", "batches/ab/1"]
    await storage.check()
    assert len([name async for name in storage.list("")]) == 3


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../../x", ".unfinished/x", "a//x", "a/", "a b"])
async def test_a_name_that_could_leave_the_root_is_refused(storage: Storage, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        await storage.put(name, stream(b"x"))
    assert not list(tmp_path.rglob("x"))


async def test_a_large_put_cut_off_by_its_client_leaves_nothing_and_the_next_one_is_whole(storage: Storage) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield bytes(1 << 20)
        begun.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(storage.put("batches/large", endless()))
    await begun.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert [name async for name in storage.list("")] == []
    whole = bytes(range(256)) * (12 << 12)
    assert await storage.put("batches/large", stream(*(whole[n : n + 700_001] for n in range(0, len(whole), 700_001))))
    assert await read(storage, "batches/large") == whole
    assert await read(storage, "batches/large", 8_000_000, 4_000_000) == whole[8_000_000:12_000_000]
