"""Framed objects over each storage: their text comes back by ranges, few requests read it, and damage is named."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrahub.domain.parsing.encodings import create_inflater
from integrahub.domain.parsing.seekable_zstd import FRAME_BYTES
from integrahub.storage.base import ObjectDamaged, ObjectMissing, Storage
from integrahub.storage.files import FileStorage
from integrahub.storage.framed import FramedStorage, slice_location
from integrahub.storage.memory import MemoryStorage
from integrahub.storage.s3.objects import S3Storage
from tests.conftest import new_bucket
from tests.contract.conftest import S3_KINDS, server_of
from tests.contract.test_storage import read, stream

_NAME = "batches/a/1.zst"
_WORDS = random.Random(5)
_TEXT = b"".join(b'{"PRODUCTID":%d,"TITLE":"%x"},' % (n, _WORDS.getrandbits(256)) for n in range(60_000))


@pytest.fixture(params=["files", "memory", *S3_KINDS])
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    if request.param in S3_KINDS:
        return S3Storage(new_bucket(server_of(request, request.param)))
    return FileStorage(tmp_path / "objects")


class Counting:
    """Storage that notes each read."""

    def __init__(self, inner: Storage) -> None:
        self._inner = inner
        self.reads: list[tuple[int, int | None]] = []
        self.put, self.delete, self.list, self.check = inner.put, inner.delete, inner.list, inner.check

    def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        self.reads.append((start, length))
        return self._inner.get(name, start, length)


async def test_a_framed_object_comes_back_whole_and_by_ranges(inner: Storage) -> None:
    storage = FramedStorage(inner)
    size = await storage.put(_NAME, stream(_TEXT[:700_000], b"", _TEXT[700_000:]))
    assert await read(storage, _NAME) == _TEXT and len(await read(inner, _NAME)) == size < len(_TEXT)
    for start, length in ((0, 1), (1_000_000, 600_000), (FRAME_BYTES - 1, 2), (len(_TEXT) - 3, 9), (len(_TEXT), 4)):
        assert await read(storage, _NAME, start, length) == _TEXT[start : start + length]
    assert await read(storage, _NAME, -500_000) == _TEXT[-500_000:]
    assert await read(storage, _NAME, 5, 0) == b""


async def test_a_reader_that_knows_no_frames_decodes_the_object_as_one_stream(inner: Storage) -> None:
    await FramedStorage(inner).put(_NAME, stream(_TEXT))
    inflater = create_inflater("zstd")
    assert b"".join([piece async for block in inner.get(_NAME) for piece in inflater.feed(block)]) == _TEXT


async def test_a_slice_is_no_object_for_a_reader_that_would_count_its_offsets_in_the_frames(inner: Storage) -> None:
    storage, part = FramedStorage(inner), slice_location(_NAME)
    await storage.put(_NAME, stream(_TEXT))
    assert await read(storage, part, 1_000_000, 600) == _TEXT[1_000_000:1_000_600]
    with pytest.raises(ObjectMissing):
        await read(inner, part, 1_000_000, 600)
    with pytest.raises(ObjectMissing, match=r"none\.zst"):
        await read(storage, slice_location("batches/none.zst"), 0, 1)
    assert [slice_location(plain) for plain in ("batches/a/1", "body")] == ["batches/a/1", "body"]


async def test_a_slice_costs_one_read_of_a_few_frames_once_the_seek_table_is_known(inner: Storage) -> None:
    counting = Counting(inner)
    storage = FramedStorage(counting)
    await storage.put(_NAME, stream(_TEXT))
    await read(storage, _NAME, 0, 1)
    assert len(counting.reads) == 2
    await read(storage, _NAME, 2_000_000, 500_000)
    assert len(counting.reads) == 3 and (counting.reads[-1][1] or 0) < 500_000
    await storage.put(_NAME, stream(_TEXT[:300_000]))
    assert await read(storage, _NAME) == _TEXT[:300_000]


async def test_a_small_body_and_its_seek_table_come_with_one_read() -> None:
    counting = Counting(MemoryStorage())
    storage = FramedStorage(counting)
    await storage.put(_NAME, stream(_TEXT[:100_000]))
    assert await read(storage, _NAME, 7, 90_000) == _TEXT[7:90_007] and len(counting.reads) == 1


async def test_the_seek_table_of_a_large_body_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrahub.storage.framed._TAIL_BYTES", 64)
    storage = FramedStorage(MemoryStorage())
    await storage.put(_NAME, stream(_TEXT))
    assert await read(storage, _NAME, 3_000_000, 10) == _TEXT[3_000_000:3_000_010]


async def test_objects_without_the_suffix_pass_unchanged(inner: Storage) -> None:
    await FramedStorage(inner).put("batches/a/1", stream(_TEXT))
    assert await read(inner, "batches/a/1") == _TEXT


async def test_an_absent_object_and_a_damaged_one_are_told_apart(inner: Storage) -> None:
    await FramedStorage(inner).put(_NAME, stream(_TEXT))
    stored = await read(inner, _NAME)
    with pytest.raises(ObjectMissing, match=r"none\.zst"):
        await read(FramedStorage(inner), "batches/none.zst")
    for damaged in (b"", stored[:-1], stored[: len(stored) // 2], stored[7:], _TEXT):
        await inner.put(_NAME, stream(damaged))
        with pytest.raises(ObjectDamaged, match=r"'batches/a/1.zst' is damaged: "):
            await read(FramedStorage(inner), _NAME)


async def test_a_read_that_ends_early_is_named(inner: Storage) -> None:
    storage = FramedStorage(inner)
    await storage.put(_NAME, stream(_TEXT))
    assert await read(storage, _NAME, 0, 1) == _TEXT[:1]
    stored = await read(inner, _NAME)
    await inner.put(_NAME, stream(stored[: len(stored) // 2]))
    with pytest.raises(ObjectDamaged, match="ends early"):
        await read(storage, _NAME)


async def test_an_object_that_was_replaced_is_read_again_after_the_first_failure() -> None:
    inner = MemoryStorage()
    storage = FramedStorage(inner)
    await storage.put(_NAME, stream(_TEXT))
    assert await read(storage, _NAME, 0, 1) == _TEXT[:1]
    await FramedStorage(inner).put(_NAME, stream(_TEXT[9:]))
    with pytest.raises(ObjectDamaged):
        await read(storage, _NAME)
    assert await read(storage, _NAME) == _TEXT[9:]


async def test_a_damaged_frame_costs_only_the_slices_that_touch_it() -> None:
    inner = MemoryStorage()
    await FramedStorage(inner).put(_NAME, stream(_TEXT))
    stored = bytearray(await read(inner, _NAME))
    stored[100] ^= 1
    await inner.put(_NAME, stream(bytes(stored)))
    storage = FramedStorage(inner)
    assert await read(storage, _NAME, FRAME_BYTES) == _TEXT[FRAME_BYTES:]
    with pytest.raises(ObjectDamaged, match="frame 0"):
        await read(storage, _NAME, FRAME_BYTES - 1, 2)


async def test_a_body_that_breaks_off_leaves_no_object(inner: Storage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield _TEXT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await FramedStorage(inner).put(_NAME, broken())
    assert [name async for name in inner.list("")] == []
