"""Single records as the client sent them, read from the slice of the stored body that holds them."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from integrahub.db.console.provenance_rows import RecordPlace
from integrahub.domain.chunks.formats import ChunkObject
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.reader import OversizeRecord
from integrahub.storage.base import ObjectDamaged, ObjectMissing, Storage
from integrahub.storage.bodies import StoredBody, read_records
from integrahub.storage.chunks import BODY_LOCATION, read_chunk

_MAX_RECORDS = 50  # of one product in one chunk
_MAX_DECODED_BYTES = 32 << 20  # read of a body that cannot be read from its middle on
_MAX_SHOWN_BYTES = 64 * 1024  # of one record; the hub accepts no longer one by default


class WhyUnread(StrEnum):
    """Why a record cannot be shown."""

    EXPIRED = "expired"  #: Retention deleted the body and the chunk.
    DAMAGED = "damaged"  #: The stored body is damaged where the record is.
    UNKNOWN_POSITION = "unknown_position"  #: The hub did not record where the record is.
    TOO_FAR = "too_far"  #: The body is compressed, and the record is too far from its start.


class RawRecord(msgspec.Struct, frozen=True):
    """A record as it was sent. `byte_offset` counts in the decoded body; `is_whole` is False if it was cut."""

    position: int
    byte_offset: int
    content: bytes
    is_whole: bool = True


async def read_raw_records(storage: Storage, place: RecordPlace) -> list[RawRecord] | WhyUnread:
    """Return the first records of a product in one chunk, or why they cannot be read."""
    if not place.positions:
        return WhyUnread.UNKNOWN_POSITION
    try:
        return await _read_records(storage, msgspec.structs.replace(place, positions=place.positions[:_MAX_RECORDS]))
    except ObjectMissing:
        return WhyUnread.EXPIRED
    except ObjectDamaged:
        return WhyUnread.DAMAGED


async def _read_records(storage: Storage, place: RecordPlace) -> list[RawRecord] | WhyUnread:
    chunk = _readable_chunk(place)
    if chunk is not None:
        try:
            return _pick((await read_chunk(storage, chunk)).to_object(), place.positions)
        except ObjectMissing:
            if chunk.body_start is not None:
                raise
    return await _read_from_start(storage, place)


def _readable_chunk(place: RecordPlace) -> RecordPlace | None:
    """Return the chunk with its location; that of a settled one is the body. None if it must be read from the start."""
    if place.location:
        return place
    if place.body_start is None:
        return None
    location = BODY_LOCATION if place.body is not None else place.body_location
    return msgspec.structs.replace(place, location=location or BODY_LOCATION)


def _pick(chunk: ChunkObject, positions: Sequence[int]) -> list[RawRecord]:
    slots = {position: slot for slot, position in enumerate(chunk.positions)}
    known = [position for position in positions if position in slots]
    return [_to_raw(each, chunk.offsets[slots[each]], chunk.record(slots[each])) for each in known]


def _to_raw(position: int, offset: int, record: bytes | msgspec.Raw | OversizeRecord) -> RawRecord:
    if isinstance(record, OversizeRecord):
        return RawRecord(position, offset, record.prefix[:_MAX_SHOWN_BYTES], is_whole=False)
    content = bytes(record)
    return RawRecord(position, offset, content[:_MAX_SHOWN_BYTES], is_whole=len(content) <= _MAX_SHOWN_BYTES)


async def _read_from_start(storage: Storage, place: RecordPlace) -> list[RawRecord] | WhyUnread:
    """Read a body up to the records. Raise ObjectMissing if it is no longer stored."""
    body = StoredBody(place.body_location, place.body, place.media_type, place.encoding)
    wanted, found = set(place.positions), list[RawRecord]()
    try:
        async for first, part in read_records(storage, body, _MAX_SHOWN_BYTES):
            for position in sorted(wanted & set(range(first, first + len(part.records)))):
                found.append(_to_raw(position, part.offsets[position - first], part.records[position - first]))
            if len(found) == len(wanted):
                return found
            if part.offsets and part.offsets[-1] > _MAX_DECODED_BYTES:
                return WhyUnread.TOO_FAR
    except BodyError:
        return WhyUnread.EXPIRED
    return found or WhyUnread.UNKNOWN_POSITION
