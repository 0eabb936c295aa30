"""Objects in this process's memory, for tests of what stands above the port."""

from collections.abc import AsyncIterator

from integrahub.storage.base import ObjectMissing, check_name


class MemoryStorage:
    """The storage port without a disk; gone with the process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Keep the bytes."""
        whole = b"".join([block async for block in blocks])
        self._objects[check_name(name)] = whole
        return len(whole)

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Give the bytes in one block."""
        if name not in self._objects:
            raise ObjectMissing(f"There is no object named {name!r}.")
        block = self._objects[name][start : None if length is None else start + length]
        if block:
            yield block

    async def delete(self, name: str) -> None:
        """Forget the object."""
        self._objects.pop(name, None)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Names, as they were when asked."""
        for name in [name for name in self._objects if name.startswith(prefix)]:
            yield name

    async def check(self) -> None:
        """Memory is there."""
