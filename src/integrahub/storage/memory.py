"""Storage in the memory of this process, for tests."""

from collections.abc import AsyncIterator

from integrahub.storage.base import ObjectMissing, check_name


class MemoryStorage:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        content = b"".join([block async for block in blocks])
        self._objects[check_name(name)] = content
        return len(content)

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        if name not in self._objects:
            raise ObjectMissing(f"There is no object named {name!r}.")
        content = self._objects[name]
        start = max(0, len(content) + start) if start < 0 else start
        block = content[start : None if length is None else start + length]
        if block:
            yield block

    async def delete(self, name: str) -> None:
        self._objects.pop(name, None)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        for name in [name for name in self._objects if name.startswith(prefix)]:
            yield name

    async def check(self) -> None:
        return None
