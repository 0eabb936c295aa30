"""Storage in files of a local folder. A put writes aside, flushes to disk, then renames into place."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import uuid4

from integrahub.storage.base import ObjectMissing, check_name
from integrahub.storage.disk_threads import DiskThreads
from integrahub.storage.open_files import FileReader, FileWriter, flush_folder

_READ_BYTES = 512 * 1024  # per read
_MIN_WRITE_BYTES = 256 * 1024  # per write
_UNFINISHED = ".unfinished"  # folder of unfinished puts; no object name begins with a dot
_MAX_DURABLE_FOLDERS = 20_000


class FileStorage:
    """Objects as files below `root`.

    Every file operation runs in a thread, so a disk that hangs blocks only its callers. If a caller stops waiting, the
    thread cleans up once the disk responds again.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / _UNFINISHED
        self._threads = DiskThreads()
        self._durable: set[Path] = set()  # folders whose directory entry this process flushed

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Flush the file, then its folder, before returning."""
        target = self._path(name)
        writer = FileWriter(self._unfinished / uuid4().hex, target)
        async with self._threads.operate_on(writer) as run:
            await run(self._create_folders, target)
            await run(writer.open)
            size = 0
            async for part in _join_blocks(blocks):
                size += sum(map(len, part))
                await run(writer.write, part)
            await run(writer.finish)
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        reader = FileReader(self._path(name))
        async with self._threads.operate_on(reader) as run:
            try:
                await run(reader.open, start)
            except (FileNotFoundError, IsADirectoryError):
                raise ObjectMissing(f"There is no object named {name!r}.") from None
            while length is None or length > 0:
                block = await run(reader.read, _READ_BYTES if length is None else min(_READ_BYTES, length))
                if not block:
                    return
                length = None if length is None else length - len(block)
                yield block

    async def delete(self, name: str) -> None:
        await self._threads.run(lambda: self._path(name).unlink(missing_ok=True))

    async def list(self, prefix: str) -> AsyncIterator[str]:
        folder = self._root / prefix.rpartition("/")[0]
        for name in await self._threads.run(lambda: self._names(folder)):
            if name.startswith(prefix):
                yield name

    async def check(self) -> None:

        async def probe() -> AsyncIterator[bytes]:
            yield b"ok"

        name = f"checks/{uuid4().hex}"
        await self.put(name, probe())
        await self.delete(name)

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    def _create_folders(self, target: Path) -> None:
        """Create the folders and flush the entry of each: another process may have created one without a flush yet."""
        self._unfinished.mkdir(parents=True, exist_ok=True)
        below = [folder for folder in target.parents if folder.is_relative_to(self._root)]
        above = [folder for folder in self._root.parents if not folder.exists()]
        not_durable = [folder for folder in below if folder not in self._durable or not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in [*not_durable, *above]:
            flush_folder(folder.parent)
        if len(self._durable) > _MAX_DURABLE_FOLDERS:
            self._durable.clear()
        self._durable.update(below)

    def _names(self, folder: Path) -> Sequence[str]:
        if not folder.is_dir():
            return []
        files = (path.relative_to(self._root) for path in folder.rglob("*") if path.is_file())
        return [path.as_posix() for path in files if path.parts[0] != _UNFINISHED]


async def _join_blocks(blocks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Yield blocks in groups large enough for one operation in a thread."""
    part: list[bytes] = []
    size = 0
    async for block in blocks:
        part.append(block)
        size += len(block)
        if size >= _MIN_WRITE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
