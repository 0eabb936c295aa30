"""Reading several chunks: slices that follow each other come with one read, each chunk with its own records."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from integrahub.domain.chunks.formats import ChunkObject
from integrahub.storage.base import ObjectMissing
from integrahub.storage.chunks import BODY_LOCATION, read_chunk, read_chunks, store_chunk
from integrahub.storage.memory import MemoryStorage

_BODY = b"[" + b",".join(b'{"PRODUCTID":%04d}' % n for n in range(100)) + b"]"
_RECORD = 18  # bytes, and one of the comma


@dataclass(frozen=True)
class _Stored:
    location: str
    body_start: int | None = None
    body_bytes: int | None = None
    first_position: int | None = None
    body: bytes | None = None
    media_type: str = "application/json"
    encoding: str = ""


class _Counting(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[str, int]] = []

    def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        self.reads.append((name, start))
        return super().get(name, start, length)


def _slice(first: int, count: int, location: str = "batches/a") -> _Stored:
    body = _BODY if location == BODY_LOCATION else None
    return _Stored(location, 1 + first * (_RECORD + 1), count * (_RECORD + 1) - 1, first, body)


@pytest.fixture
async def storage() -> _Counting:
    storage = _Counting()

    async def blocks() -> AsyncIterator[bytes]:
        yield _BODY

    for name in ("batches/a", "batches/b"):
        await storage.put(name, blocks())
    await store_chunk(storage, "chunks/a/1", ChunkObject([7], [9], [b"{}"], {}))
    return storage


async def test_each_chunk_gets_its_own_records_in_the_order_of_the_request(storage: _Counting) -> None:
    wanted = [
        *(_slice(20, 10), _Stored("chunks/a/1"), _slice(0, 10), _slice(10, 10), _slice(5, 5, "batches/b")),
        *(_slice(90, 10), _slice(3, 4, BODY_LOCATION), _slice(10, 3, "batches/b")),
    ]
    apart = [(await read_chunk(storage, each)).to_object() for each in wanted]
    storage.reads.clear()
    together = [chunk.to_object() for chunk in await read_chunks(storage, wanted)]
    assert together == apart and together[2].positions == list(range(10))
    assert sorted(storage.reads) == [("batches/a", 1), ("batches/a", 1711), ("batches/b", 96), ("chunks/a/1", 0)]


async def test_slices_that_overlap_are_read_apart(storage: _Counting) -> None:
    twice = await read_chunks(storage, [_slice(0, 10), _slice(0, 10), _slice(5, 10)])
    assert [chunk.to_object().positions[0] for chunk in twice] == [0, 0, 5] and len(storage.reads) == 3


async def test_a_chunk_that_is_no_longer_stored_fails_the_read(storage: _Counting) -> None:
    with pytest.raises(ObjectMissing, match="batches/gone"):
        await read_chunks(storage, [_slice(0, 10), _slice(0, 10, "batches/gone")])


async def test_after_a_failed_read_no_other_read_goes_on(storage: _Counting) -> None:
    class Slow(_Counting):
        async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
            if name == "batches/slow":
                await asyncio.sleep(60)
            async for block in super().get(name, start, length):
                yield block

    before = asyncio.all_tasks()
    with pytest.raises(ObjectMissing, match="batches/gone"):
        await read_chunks(Slow(), [_slice(0, 10, "batches/slow"), _slice(0, 10, "batches/gone")])
    assert asyncio.all_tasks() == before
