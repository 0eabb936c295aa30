"""Storage adapter that stores bodies as frames of zstd, and reads any part of their text from the frames it touches."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from integrahub.domain.parsing.seekable_zstd import FrameError, SeekableWriter, SeekTable, read_table, table_bytes
from integrahub.storage.base import ObjectDamaged, Storage

FRAMED_SUFFIX = ".zst"  # of the names of framed objects; no object of an older version has it
_SLICE_SUFFIX = ".slice"  # behind the name of a framed object: a part of its text
FRAMED_ENCODING = "zstd"  # the encoding of a framed body in its row: older versions decode it as one stream
_TAIL_BYTES = 128 * 1024  # read to find the seek table; a body of up to about 900 kB comes with it
_MAX_TABLES = 256  # in memory; that of a body of 1 GB takes 160 kB


def is_framed(location: str | None) -> bool:
    """Return whether an object is framed: its storage gives and takes its text."""
    return location is not None and location.endswith(FRAMED_SUFFIX)


def slice_location(location: str) -> str:
    """Return the location of chunks that are slices of a body.

    Offsets of a framed body count in its text. Versions before 0.3 would count them in the object, and read nothing
    behind its end. So slices have a location that is not the name of an object: those versions raise ObjectMissing.
    """
    return f"{location}{_SLICE_SUFFIX}" if is_framed(location) else location


class FramedStorage:
    """Encode and decode the objects whose names end in FRAMED_SUFFIX. All others pass unchanged.

    `get` also takes the location of a slice, and reads the text of its body.
    `get` raises ObjectDamaged if frames or their seek table are not what `put` stored.
    """

    def __init__(self, inner: Storage) -> None:
        self._inner = inner
        self._tables: OrderedDict[str, SeekTable] = OrderedDict()  # the one used last comes last

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        self._tables.pop(name, None)
        return await self._inner.put(name, _encode(blocks) if is_framed(name) else blocks)

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        if is_framed(body := name.removesuffix(_SLICE_SUFFIX)):
            name = body
        blocks = self._read_text(name, start, length) if is_framed(name) else self._inner.get(name, start, length)
        async with _closing(blocks):
            async for block in blocks:
                yield block

    async def delete(self, name: str) -> None:
        self._tables.pop(name, None)
        await self._inner.delete(name)

    def list(self, prefix: str) -> AsyncIterator[str]:
        return self._inner.list(prefix)

    async def check(self) -> None:
        await self._inner.check()

    async def _read_text(self, name: str, start: int, length: int | None) -> AsyncIterator[bytes]:
        try:
            table, tail = await self._find_table(name)
            start = max(0, table.text[-1] + start) if start < 0 else start
            end = table.text[-1] if length is None else start + length
            number, held = 0, bytearray()
            frames = table.touched(start, length)
            async with _closing(self._read_frames(name, table, frames, tail)) as blocks:
                async for block in blocks:
                    held += block
                    while number < len(frames) and len(held) >= (size := _stored_bytes(table, frames[number])):
                        text, at = table.decode(frames[number], bytes(held[:size])), table.text[frames[number]]
                        del held[:size]
                        number += 1
                        yield text[max(0, start - at) : max(0, end - at)]
            if number < len(frames):
                raise FrameError(f"frame {frames[number]} ends early")
        except FrameError as error:
            self._tables.pop(name, None)  # the next read looks at the object again
            raise ObjectDamaged(f"The stored object {name!r} is damaged: {error}.") from error

    async def _read_frames(self, name: str, table: SeekTable, frames: range, tail: bytes) -> AsyncIterator[bytes]:
        """Yield the stored bytes of consecutive frames, from `tail` if all are in it."""
        if not frames:
            return
        start, end = table.stored[frames[0]], table.stored[frames[-1] + 1]
        tail_start = table.stored[-1] + table.own_bytes - len(tail)
        if start >= tail_start:
            yield tail[start - tail_start : end - tail_start]
            return
        async with _closing(self._inner.get(name, start, end - start)) as blocks:
            async for block in blocks:
                yield block

    async def _find_table(self, name: str) -> tuple[SeekTable, bytes]:
        """Return the seek table of an object, and the end of the object as far as it was read now."""
        if name in self._tables:
            self._tables.move_to_end(name)
            return self._tables[name], b""
        tail = await self._read_tail(name, _TAIL_BYTES)
        size = table_bytes(tail)
        if size > len(tail):
            tail = await self._read_tail(name, size)
        table = self._tables[name] = read_table(tail)
        if len(self._tables) > _MAX_TABLES:
            self._tables.popitem(last=False)
        return table, tail

    async def _read_tail(self, name: str, size: int) -> bytes:
        return b"".join([block async for block in self._inner.get(name, -size)])


def _stored_bytes(table: SeekTable, frame: int) -> int:
    return table.stored[frame + 1] - table.stored[frame]


@asynccontextmanager
async def _closing(blocks: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Close a read at the end of the block, also one that was not read to its end."""
    try:
        yield blocks
    finally:
        if isinstance(blocks, AsyncGenerator):
            await blocks.aclose()


async def _encode(text: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    writer = SeekableWriter()
    async for block in text:
        for frame in writer.feed(block):
            yield frame
    yield writer.close()
