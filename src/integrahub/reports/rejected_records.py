"""The rejected records of a batch, taken from where its chunks are kept."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from integrahub.db.batches import reports
from integrahub.db.database import Database
from integrahub.storage.base import Storage
from integrahub.storage.chunks import read_chunk


async def rejected_records(database: Database, storage: Storage, batch_id: UUID) -> AsyncIterator[bytes]:
    """Each rejected record as JSON, chunk by chunk; one that is not JSON comes as a string of its text.

    ObjectMissing when a chunk is no longer kept.
    """
    for place in await reports.rejected_positions(database, batch_id):
        payload = (await read_chunk(storage, place)).to_object()
        records = dict(zip(payload.positions, payload.records, strict=True))
        for position in place.positions:
            yield _as_json(records[position])


def _as_json(record: bytes) -> bytes:
    try:
        msgspec.json.decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.encode(record.decode("utf-8", "replace"))
    return record
