"""Objects as files of one folder: written aside, flushed to the disk with their folder, then renamed into place."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import uuid4

from integrahub.storage.base import ObjectMissing, check_name
from integrahub.storage.disk_threads import DiskThreads
from integrahub.storage.open_files import Reading, Writing, flush_folder

_BLOCK = 512 * 1024  # bytes a read
_PART = 256 * 1024  # bytes a write, at least
_UNFINISHED = ".unfinished"  # folder of puts under way; no name begins with a dot
_REMEMBERED = 20_000  # folders


class FileStorage:
    """The storage port on a local folder. Every call of the disk runs in a thread, so that a disk that hangs holds
    nobody but those who wait for it; who stops waiting leaves the thread to tidy up once the disk goes on.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._aside = root / _UNFINISHED
        self._threads = DiskThreads()
        self._durable: set[Path] = set()  # folders whose entry this process flushed itself

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Durable when it returns: the file, then the folder that names it, are flushed to the disk."""
        target = self._path(name)
        writing = Writing(self._aside / uuid4().hex, target)
        async with self._threads.using(writing) as run:
            await run(self._prepare, target)
            await run(writing.open)
            size = 0
            async for part in _gathered(blocks):
                size += sum(map(len, part))
                await run(writing.write, part)
            await run(writing.finish)
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Stream the file."""
        reading = Reading(self._path(name))
        async with self._threads.using(reading) as run:
            try:
                await run(reading.open, start)
            except (FileNotFoundError, IsADirectoryError):
                raise ObjectMissing(f"There is no object named {name!r}.") from None
            while length is None or length > 0:
                block = await run(reading.read, _BLOCK if length is None else min(_BLOCK, length))
                if not block:
                    return
                length = None if length is None else length - len(block)
                yield block

    async def delete(self, name: str) -> None:
        """Remove the file."""
        await self._threads.run(lambda: self._path(name).unlink(missing_ok=True))

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Names of the files, folder by folder."""
        folder = self._root / prefix.rpartition("/")[0]
        for name in await self._threads.run(lambda: self._names(folder)):
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
        """Make the folders, and flush the entry of each: who finds one made just now cannot know that it is durable."""
        self._aside.mkdir(parents=True, exist_ok=True)
        below = [folder for folder in target.parents if folder.is_relative_to(self._root)]
        above = [folder for folder in self._root.parents if not folder.exists()]
        unsure = [folder for folder in below if folder not in self._durable or not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in [*unsure, *above]:
            flush_folder(folder.parent)
        if len(self._durable) > _REMEMBERED:
            self._durable.clear()
        self._durable.update(below)

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
