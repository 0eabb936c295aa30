"""Bodies as they are kept, cut into records again."""

from collections.abc import AsyncIterator
from typing import Any

from integrahub.domain.parsing.encodings import create_inflater
from integrahub.domain.parsing.reader import RawRecords, create_reader
from integrahub.storage.base import ObjectMissing, Storage

Row = dict[str, Any]


async def runs_of(
    storage: Storage, batch: Row, body: bytes | None, max_record: int
) -> AsyncIterator[tuple[int, RawRecords]]:
    """Runs of a batch's records, each with the position of its first; `body` is None when it is an object.

    `batch` tells `location`, `encoding` and `media_type`. ObjectMissing when the body is not kept.
    """
    cutter, position = create_reader(batch["media_type"], max_record), 0
    async for block in decoded(storage, batch, body):
        run = cutter.feed(block)
        yield position, run
        position += len(run.records)
    yield position, cutter.close()


async def decoded(storage: Storage, batch: Row, body: bytes | None) -> AsyncIterator[bytes]:
    """A batch's body, decoded; `body` is None when it is an object. BodyFault when it is cut off."""
    inflater = create_inflater(batch["encoding"])
    async for block in _blocks(storage, batch["location"], body):
        for piece in inflater.feed(block):
            yield piece
    inflater.close()


async def is_kept(storage: Storage, location: str | None) -> bool:
    """Whether there still is an object."""
    if location is None:
        return False
    try:
        async for _ in storage.get(location, 0, 1):
            break
    except ObjectMissing:
        return False
    return True


async def _blocks(storage: Storage, location: str | None, body: bytes | None) -> AsyncIterator[bytes]:
    if body is not None:
        yield body
        return
    if location is None:
        raise ObjectMissing("the body is no longer kept")
    async for block in storage.get(location):
        yield block
