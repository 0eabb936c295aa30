"""Chunks as they are kept: slices of a body, or objects of their own."""

from collections.abc import AsyncIterator
from typing import Any

from integrahub.domain.chunks.builder import BodySlice, Chunk, ChunkObject, decode_payload
from integrahub.domain.parsing.encodings import inflater_for
from integrahub.storage.base import ObjectMissing, Storage

BODY_LOCATION = "body"  # the location of a slice of a body that lives in the batch's row
Row = dict[str, Any]


async def read_chunk(storage: Storage, row: Row) -> Chunk:
    """The records of a chunk; ObjectMissing when they are no longer kept.

    `row` tells `location`, `body_start`, `body_bytes`, `first_position`, `media_type`, `encoding` and `body`.
    """
    if row["body_start"] is None:
        return decode_payload(b"".join([block async for block in storage.get(row["location"])]))
    start, length = row["body_start"], row["body_bytes"]
    if row["location"] == BODY_LOCATION:
        if row["body"] is None:
            raise ObjectMissing("the body is no longer kept")
        inflater = inflater_for(row["encoding"])
        content = b"".join([*inflater.feed(bytes(row["body"]))])[start : start + length]
    else:
        content = b"".join([block async for block in storage.get(row["location"], start, length)])
    return BodySlice(content, row["media_type"], start, row["first_position"])


async def copy_dead(storage: Storage, row: Row) -> str:
    """Copy a dead chunk to where retention does not reach, and return the copy's name.

    `row` is as for `read_chunk`, with `cnpj`, `batch_id` and `number`.
    """
    name = f"dead/{row['cnpj']}/{row['batch_id']}/{row['number']:06d}"
    chunk = await read_chunk(storage, row)
    await store_chunk(storage, name, chunk.cut())
    return name


async def store_chunk(storage: Storage, name: str, payload: ChunkObject) -> None:
    """Keep a chunk as an object of its own."""

    async def blocks() -> AsyncIterator[bytes]:
        yield payload.encode()

    await storage.put(name, blocks())
