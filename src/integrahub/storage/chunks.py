"""Stored chunks: slices of a body, or objects of their own."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Protocol
from uuid import UUID

from integrahub.domain.chunks.formats import BodySlice, Chunk, ChunkObject, decode_chunk_object
from integrahub.domain.parsing.encodings import create_inflater
from integrahub.storage.base import ObjectMissing, Storage

_MAX_READ_OVER_BYTES = 1024  # between two slices that are read together: a comma, and white space
BODY_LOCATION = "body"  # the location of a slice of a body that lives in the batch's row


class StoredRecords(Protocol):
    """Where the records of a chunk are: an object at `location`, or a slice of a body.

    The slice holds `body_bytes` bytes from `body_start` on of the decoded body, and begins with the record at
    `first_position`. `body` is the encoded body if `location` is BODY_LOCATION.
    """

    @property
    def location(self) -> str: ...
    @property
    def body_start(self) -> int | None: ...
    @property
    def body_bytes(self) -> int | None: ...
    @property
    def first_position(self) -> int | None: ...
    @property
    def body(self) -> bytes | None: ...
    @property
    def media_type(self) -> str: ...
    @property
    def encoding(self) -> str: ...


class FailedRecords(StoredRecords, Protocol):
    """Records of a chunk that failed for good."""

    @property
    def cnpj(self) -> str: ...
    @property
    def batch_id(self) -> UUID: ...
    @property
    def number(self) -> int: ...


async def read_chunk(storage: Storage, chunk: StoredRecords) -> Chunk:
    """Read the records of a chunk. Raise ObjectMissing if they are no longer stored."""
    start, length, first = chunk.body_start, chunk.body_bytes, chunk.first_position
    if start is None or length is None or first is None:
        return decode_chunk_object(b"".join([block async for block in storage.get(chunk.location)]))
    if chunk.location == BODY_LOCATION:
        if chunk.body is None:
            raise ObjectMissing("the body is no longer stored")
        content = b"".join(create_inflater(chunk.encoding).feed(chunk.body))[start : start + length]
    else:
        content = b"".join([block async for block in storage.get(chunk.location, start, length)])
    return BodySlice(content, chunk.media_type, start, first)


async def read_chunks(storage: Storage, chunks: Sequence[StoredRecords]) -> list[Chunk]:
    """Read several chunks; slices that follow each other in one body with one read."""
    order = sorted(range(len(chunks)), key=lambda slot: (chunks[slot].location, chunks[slot].body_start or 0))
    runs: list[list[int]] = []
    for slot in order:
        if runs and _follows(chunks[runs[-1][-1]], chunks[slot]):
            runs[-1].append(slot)
        else:
            runs.append([slot])
    read = await _gather([_read_run(storage, [chunks[slot] for slot in run]) for run in runs])
    found = {slot: chunk for run, parts in zip(runs, read, strict=True) for slot, chunk in zip(run, parts, strict=True)}
    return [found[slot] for slot in range(len(chunks))]


async def _gather(reads: Sequence[Coroutine[None, None, list[Chunk]]]) -> list[list[Chunk]]:
    """Return all results; after a failed read, end the others and raise its error."""
    tasks = [asyncio.ensure_future(each) for each in reads]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _follows(before: StoredRecords, chunk: StoredRecords) -> bool:
    """Return whether a chunk is the slice behind another one of the same object."""
    if before.body_start is None or before.body_bytes is None or chunk.body_start is None:
        return False
    gap = chunk.body_start - before.body_start - before.body_bytes
    return chunk.location == before.location != BODY_LOCATION and 0 <= gap <= _MAX_READ_OVER_BYTES


async def _read_run(storage: Storage, run: list[StoredRecords]) -> list[Chunk]:
    if len(run) == 1:
        return [await read_chunk(storage, run[0])]
    places = [(each.body_start or 0, each.body_bytes or 0, each.first_position or 0) for each in run]
    start, end = places[0][0], places[-1][0] + places[-1][1]
    content = b"".join([block async for block in storage.get(run[0].location, start, end - start)])
    return [
        BodySlice(content[at - start : at - start + size], each.media_type, at, first)
        for each, (at, size, first) in zip(run, places, strict=True)
    ]


async def copy_dead(storage: Storage, chunk: FailedRecords) -> str:
    """Copy the records of a failed chunk to an object that retention spares; return the object's name."""
    name = f"dead/{chunk.cnpj}/{chunk.batch_id}/{chunk.number:06d}"
    records = await read_chunk(storage, chunk)
    await store_chunk(storage, name, records.to_object())
    return name


async def store_chunk(storage: Storage, name: str, payload: ChunkObject) -> None:
    """Store a chunk as an object."""

    async def blocks() -> AsyncIterator[bytes]:
        yield payload.encode()

    await storage.put(name, blocks())
