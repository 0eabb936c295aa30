"""Objects as files of one folder: written aside, flushed to the disk with their folder, then renamed into place."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from io import BufferedWriter
from pathlib import Path
from uuid import uuid4

from integrahub.storage.base import ObjectMissing, check_name

_BLOCK = 512 * 1024  # bytes a read
_PART = 256 * 1024  # bytes a write, at least
_UNFINISHED = ".unfinished"  # folder of puts under way; no name begins with a dot


class FileStorage:
    """The storage port on a local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / _UNFINISHED

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Durable when it returns: the file, then the folder that names it, are flushed to the disk."""
        target = self._path(name)
        aside = self._aside / uuid4().hex
        await asyncio.to_thread(self._prepare, target)
        try:
            with aside.open("xb") as file:
                size = 0
                async for part in _gathered(blocks):
                    size += sum(map(len, part))
                    await asyncio.to_thread(file.writelines, part)
                await asyncio.to_thread(_flush, file)
            await asyncio.to_thread(_rename, aside, target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Stream the file."""
        try:
            file = await asyncio.to_thread(self._path(name).open, "rb")
        except (FileNotFoundError, IsADirectoryError):
            raise ObjectMissing(f"There is no object named {name!r}.") from None
        with file:
            file.seek(start)
            while length is None or length > 0:
                block = await asyncio.to_thread(file.read, _BLOCK if length is None else min(_BLOCK, length))
                if not block:
                    return
                length = None if length is None else length - len(block)
                yield block

    async def delete(self, name: str) -> None:
        """Remove the file."""
        await asyncio.to_thread(self._path(name).unlink, missing_ok=True)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Names of the files, folder by folder."""
        folder = self._root / prefix.rpartition("/")[0]
        for name in await asyncio.to_thread(self._names, folder):
            if name.startswith(prefix):
                yield name

    async def check(self) -> None:
        """Write and remove a small file."""

        async def probe() -> AsyncIterator[bytes]:
            yield b"ok"

        name = f"checks/{uuid4().hex}"
        await self.put(name, probe())
        await self.delete(name)

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    def _prepare(self, target: Path) -> None:
        self._aside.mkdir(parents=True, exist_ok=True)
        missing = [folder for folder in (target.parent, *target.parents) if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            _flush_folder(folder.parent)

    def _names(self, folder: Path) -> Sequence[str]:
        if not folder.is_dir():
            return []
        found = (path.relative_to(self._root) for path in folder.rglob("*") if path.is_file())
        return [path.as_posix() for path in found if path.parts[0] != _UNFINISHED]


async def _gathered(blocks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Blocks, as many at a time as are worth a visit to another thread."""
    part: list[bytes] = []
    size = 0
    async for block in blocks:
        part.append(block)
        size += len(block)
        if size >= _PART:
            yield part
            part, size = [], 0
    if part:
        yield part


def _flush(file: BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())


def _rename(aside: Path, target: Path) -> None:
    aside.replace(target)
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
