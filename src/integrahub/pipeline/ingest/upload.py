"""Upload: count, hash, decode and limit a body while it is received."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic

from integrahub.domain.batches import INLINE_BODY_LIMIT
from integrahub.domain.errors import (
    BadRequest,
    BodyError,
    PayloadTooLarge,
    RequestTimeout,
)
from integrahub.domain.parsing.charsets import Transcoder
from integrahub.domain.parsing.encodings import Inflater, create_inflater
from integrahub.pipeline.ingest.decoding import Decoding

_HEAD_BYTES = 64 * 1024  # the part of a body that is validated before the rest is received
_FREE_INFLATION_BYTES = 1 << 20  # decoded bytes allowed at any inflation ratio
_MAX_INFLATE_SECONDS = 30.0  # for one body
_INFLATE_SLICE_SECONDS = 0.002  # between yields to the event loop
_RATE_GRACE_SECONDS = 30.0  # of waiting, before the minimum rate applies
_TRANSCODE_BLOCK_BYTES = 16 << 10  # encoded bytes fed at a time to a body that is transcoded
_MIN_BYTES_PER_SECOND = 1024  # a client must send


@dataclass
class Upload:
    """A body while it is received. Sizes are in bytes.

    `inflation` is the largest allowed ratio of decoded to received bytes. `idle_timeout` is how many seconds the client
    may send nothing. A body with an encoding takes a slot and turns of `decoding` once it is not small; `client` says
    whose slot. With a `transcoder` the body is stored decoded and in UTF-8, and that form is counted and hashed.
    `is_framed` says that a body which is not small is stored as frames of its text.
    """

    blocks: AsyncIterator[bytes]
    encoding: str
    limit: int
    inflation: int = 500
    idle_timeout: float = 30.0
    held: list[bytes] = field(default_factory=list)
    head: bytes = b""
    received: int = 0
    decoded: int = 0
    waited: float = 0.0
    ended: bool = False
    transcoder: Transcoder | None = None
    decoding: Decoding | None = None
    client: str = ""
    is_framed: bool = False

    def __post_init__(self) -> None:
        if self.transcoder and self.encoding:
            self.blocks = _in_small_blocks(self.blocks)
        self._inflater: Inflater = create_inflater(self.encoding)
        self._sha256 = hashlib.sha256()
        self._inflate_seconds = 0.0
        self._slot: AsyncExitStack | None = None

    async def close(self) -> None:
        """Release the decoding slot."""
        if self._slot:
            await self._slot.aclose()

    async def peek(self) -> bytes:
        """Return up to 64 KiB of decoded bytes from the beginning. `stream` repeats the blocks read here."""
        while len(self.head) < _HEAD_BYTES and not self.ended:
            block = await self._next()
            self.held.append(block)
        return self.head[:_HEAD_BYTES]

    async def read_if_small(self) -> bytes | None:
        """Return the whole body, as it will be stored, if it fits the batch's row; else None."""
        while not self.ended and sum(map(len, self.held)) <= INLINE_BODY_LIMIT:
            self.held.append(await self._next())
        body = b"".join(self.held)
        return body if self.ended and len(body) <= INLINE_BODY_LIMIT else None

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the whole body as it will be stored: as received, or transcoded."""
        held, self.held = self.held, []
        for block in held:
            yield block
        while not self.ended:
            yield await self._next()

    async def stream_text(self) -> AsyncIterator[bytes]:
        """Yield the whole body decoded and in UTF-8, the form that is counted and hashed."""
        held, self.held = self.held, []
        inflater = create_inflater("" if self.transcoder else self.encoding)
        for block in held:  # decoded before, but not kept
            for piece in inflater.feed(block):
                yield piece
                await asyncio.sleep(0)  # other requests go on: the pieces may be large
        while not self.ended:
            async for piece in self._decode_block(await self._receive()):
                yield piece

    @property
    def sha256(self) -> bytes:
        """Return the digest of the bytes decoded so far."""
        return self._sha256.digest()

    async def _next(self) -> bytes:
        """Return the next block as it will be stored, b"" at the end."""
        block, texts = await self._receive(), list[bytes]()
        async for text in self._decode_block(block):
            if self.transcoder:
                texts.append(text)
        return b"".join(texts) if self.transcoder else block or b""

    async def _receive(self) -> bytes | None:
        """Return the next block. Raise RequestTimeout if the client sends nothing for too long, or too slowly."""
        started = monotonic()
        try:
            async with asyncio.timeout(self.idle_timeout):
                block = await anext(self.blocks, None)
        except TimeoutError:
            raise RequestTimeout("body_timeout", received=self.received) from None
        self.waited += monotonic() - started
        self.received += len(block or b"")
        if self.waited > _RATE_GRACE_SECONDS and self.received < self.waited * _MIN_BYTES_PER_SECOND:
            raise RequestTimeout("body_timeout", received=self.received)
        # Encoded bytes that decode to nothing count too.
        if self.received > self.limit + _FREE_INFLATION_BYTES:
            raise too_large(self.limit)
        return block

    async def _decode_block(self, block: bytes | None) -> AsyncIterator[bytes]:
        """Yield the text of a received block in parts, each decoded within a few milliseconds; None ends the body."""
        try:
            if block is None:
                self.ended = True
                self._inflater.close()
                yield self._finish_transcoding()
            elif not self.encoding and not self.transcoder:
                self._count(block)
                yield block
            else:
                async for text in self._inflate(block):
                    yield text
        except BodyError as error:
            raise BadRequest(error.code, **error.facts) from error

    async def _inflate(self, block: bytes) -> AsyncIterator[bytes]:
        pieces, texts, has_more = self._inflater.feed(block), list[bytes](), True
        while has_more:
            has_more = await self._inflate_slice(pieces, texts)
            if has_more and self._inflate_seconds > _MAX_INFLATE_SECONDS:
                raise PayloadTooLarge("body_inflates", encoding=self.encoding, received=self.received)
            yield b"".join(texts)
            texts.clear()

    async def _inflate_slice(self, pieces: Iterator[bytes], texts: list[bytes]) -> bool:
        """Decode for a few milliseconds. Return False when the block is done."""
        if self.decoding is None or self.decoded <= _FREE_INFLATION_BYTES:
            return self._decode(pieces, texts)
        if self._slot is None:
            self._slot = await self.decoding.acquire_slot(self.client)
        async with self.decoding.turn():
            return self._decode(pieces, texts)

    def _decode(self, pieces: Iterator[bytes], texts: list[bytes]) -> bool:
        started = monotonic()
        for piece in pieces:
            if self.transcoder:
                piece = self.transcoder.feed(piece)
            texts.append(piece)
            self._count(piece)
            if monotonic() - started > _INFLATE_SLICE_SECONDS:
                break
        else:
            self._inflate_seconds += monotonic() - started
            return False
        self._inflate_seconds += monotonic() - started
        return True

    def _finish_transcoding(self) -> bytes:
        rest = self.transcoder.close() if self.transcoder else b""
        self._count(rest)
        return rest

    def _count(self, piece: bytes) -> None:
        self.decoded += len(piece)
        if self.decoded > self.limit:
            raise too_large(self.limit)
        if self.encoding and self.decoded > max(_FREE_INFLATION_BYTES, self.inflation * self.received):
            raise PayloadTooLarge("body_inflates", encoding=self.encoding, received=self.received)
        self._sha256.update(piece)
        if len(self.head) < _HEAD_BYTES:
            self.head += piece[:_HEAD_BYTES]


async def _in_small_blocks(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for block in blocks:
        for start in range(0, len(block), _TRANSCODE_BLOCK_BYTES):
            yield block[start : start + _TRANSCODE_BLOCK_BYTES]


def too_large(limit: int) -> PayloadTooLarge:
    """Return the error for a body over `limit` decoded bytes."""
    return PayloadTooLarge("body_too_large", {"limit": limit}, limit=limit)
