"""Rejected records of a batch, read from where its chunks are stored."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from integrahub.db.batches import reports
from integrahub.db.database import Database
from integrahub.storage.base import Storage
from integrahub.storage.chunks import read_chunk


async def rejected_records(database: Database, storage: Storage, batch_id: UUID) -> AsyncIterator[bytes]:
    """Yield each rejected record as JSON, chunk by chunk. A record that is not JSON becomes a JSON string of its text.

    Raise ObjectMissing if a chunk is no longer stored.
    """
    for chunk in await reports.rejected_chunks(database, batch_id):
        stored = (await read_chunk(storage, chunk)).to_object()
        records = dict(zip(stored.positions, stored.records, strict=True))
        for position in chunk.positions:
            yield _to_json(records[position])


async def read_as_array(database: Database, storage: Storage, batch_id: UUID) -> AsyncIterator[bytes]:
    """Yield the rejected records as one JSON array. Raise as `rejected_records` does."""
    separator = b"[\n"
    async for record in rejected_records(database, storage, batch_id):
        yield separator + record
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"


def _to_json(record: bytes) -> bytes:
    try:
        msgspec.json.decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.encode(record.decode("utf-8", "replace"))
    return record
