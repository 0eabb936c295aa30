"""Storage in files of a local folder. A put writes aside, flushes to disk, then renames into place."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import uuid4

from integrahub.storage.base import ObjectMissing, check_name
from integrahub.storage.disk_threads import DiskThreads
from integrahub.storage.folders import DurableFolders
from integrahub.storage.open_files import FileReader, FileWriter

_READ_BYTES = 512 * 1024  # per read
_MIN_WRITE_BYTES, _MAX_WRITE_BYTES = 256 * 1024, 1 << 20  # per write
_MAX_GATHERED_BYTES = 8 << 20  # by all puts together, as far as their number allows
_UNFINISHED = ".unfinished"  # folder of unfinished puts; no object name begins with a dot


class FileStorage:
    """Objects as files below `root`.

    Every file operation runs in a thread, so a disk that hangs blocks only its callers. If a caller stops waiting, the
    thread cleans up once the disk responds again.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / _UNFINISHED
        self._folders = DurableFolders(root, self._unfinished)
        self._threads = DiskThreads()
        self._puts = 0  # running

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Flush the file, then its folder, before returning. A small object takes one operation in a thread."""
        target = self._path(name)
        writer = FileWriter(self._unfinished / uuid4().hex, target, self._folders)
        self._puts += 1
        try:
            async with self._threads.operate_on(writer) as run:
                part, size, pending = list[bytes](), 0, 0
                async for block in blocks:
                    part.append(block)
                    pending += len(block)
                    if pending >= self._write_bytes():
                        await run(writer.write, part)
                        part, size, pending = [], size + pending, 0
                await run(writer.finish, part)
        finally:
            self._puts -= 1
        return size + pending

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

    def _write_bytes(self) -> int:
        """Return how many bytes of each running put are gathered for one write: fewer, the more puts run."""
        return max(_MIN_WRITE_BYTES, min(_MAX_WRITE_BYTES, _MAX_GATHERED_BYTES // self._puts))

    def _names(self, folder: Path) -> Sequence[str]:
        if not folder.is_dir():
            return []
        files = (path.relative_to(self._root) for path in folder.rglob("*") if path.is_file())
        return [path.as_posix() for path in files if path.parts[0] != _UNFINISHED]
