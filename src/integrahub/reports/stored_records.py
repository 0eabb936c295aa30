"""Single records and excerpts of stored bodies: only the slice around them is read."""

from integrahub.db.chunks.rows import ChunkPlace
from integrahub.domain.errors import BodyError
from integrahub.domain.views.raw_record import MarkedText, mark_offset
from integrahub.storage.base import ObjectDamaged, ObjectMissing, Storage
from integrahub.storage.bodies import StoredBody, decode_body
from integrahub.storage.chunks import read_chunk

_SURROUNDING_BYTES = 2048  # read on each side of an offset
_MAX_DECODED_BYTES = 32 << 20  # of a compressed body, which must be decoded from its beginning


async def read_record(storage: Storage, place: ChunkPlace, position: int) -> bytes | None:
    """Return the record at a position of the body, read from its chunk alone; None if it cannot be read."""
    try:
        chunk = (await read_chunk(storage, place)).to_object()
    except (ObjectMissing, ObjectDamaged):
        return None
    records = dict(zip(chunk.positions, chunk.records, strict=True))
    return records.get(position)


async def read_excerpt(storage: Storage, body: StoredBody, offset: int) -> MarkedText | None:
    """Return the text around an offset of the decoded body.

    Return None if the body is no longer stored or is damaged, or if too much of a compressed body would have to be
    decoded.
    """
    start = max(0, offset - _SURROUNDING_BYTES)
    if body.content_encoding and offset > _MAX_DECODED_BYTES:
        return None
    try:
        content = await _read_range(storage, body, start, offset + _SURROUNDING_BYTES)
    except (ObjectMissing, ObjectDamaged):
        return None
    return mark_offset(content, offset - start, is_end=len(content) < offset + _SURROUNDING_BYTES - start)


async def _read_range(storage: Storage, body: StoredBody, start: int, end: int) -> bytes:
    if body.location is not None and body.content is None and not body.content_encoding:
        return b"".join([block async for block in storage.get(body.location, start, end - start)])
    content, position = bytearray(), 0
    try:
        async for block in decode_body(storage, body):
            content += block[max(0, start - position) : max(0, end - position)]
            position += len(block)
            if position >= end:
                break
    except BodyError:  # the body ends early: what was decoded before is shown
        pass
    return bytes(content)
