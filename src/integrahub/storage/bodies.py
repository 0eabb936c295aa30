"""Readers of stored bodies: decoded, or as records. The ingest step writes them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from integrahub.domain.parsing.encodings import create_inflater
from integrahub.domain.parsing.reader import RawRecords, create_reader
from integrahub.storage.base import ObjectDamaged, ObjectMissing, Storage
from integrahub.storage.framed import is_framed


@dataclass(frozen=True, slots=True)
class StoredBody:
    """A body as it was stored: an object at `location`, or `content` from the batch's row."""

    location: str | None
    content: bytes | None
    media_type: str
    encoding: str

    @property
    def content_encoding(self) -> str:
        """Return the encoding of what is read: the storage gives the text of a framed body."""
        return "" if self.content is None and is_framed(self.location) else self.encoding


async def read_records(storage: Storage, body: StoredBody, max_record: int) -> AsyncIterator[tuple[int, RawRecords]]:
    """Yield the records of a body in parts, each with the position of its first record.

    Raise ObjectMissing if the body is no longer stored.
    """
    reader, position = create_reader(body.media_type, max_record), 0
    async for block in decode_body(storage, body):
        records = reader.feed(block)
        yield position, records
        position += len(records.records)
    yield position, reader.close()


async def decode_body(storage: Storage, body: StoredBody) -> AsyncIterator[bytes]:
    """Yield a body decoded. Raise BodyError if it is truncated, ObjectMissing if it is no longer stored."""
    inflater = create_inflater(body.content_encoding)
    async for block in _read_blocks(storage, body):
        for piece in inflater.feed(block):
            yield piece
    inflater.close()


async def is_stored(storage: Storage, location: str | None) -> bool:
    """Return whether there is an object at `location`."""
    if location is None:
        return False
    try:
        async for _ in storage.get(location, 0, 1):
            break
    except ObjectMissing:
        return False
    except ObjectDamaged:  # who reads it learns that
        return True
    return True


async def _read_blocks(storage: Storage, body: StoredBody) -> AsyncIterator[bytes]:
    if body.content is not None:
        yield body.content
        return
    if body.location is None:
        raise ObjectMissing("the body is no longer stored")
    async for block in storage.get(body.location):
        yield block
