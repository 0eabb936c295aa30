"""Bodies on their way in: counted, hashed, decoded and bounded while they pass."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic

from integrahub.domain.errors import (
    BadRequest,
    BodyError,
    PayloadTooLarge,
    RequestTimeout,
)
from integrahub.domain.parsing.charsets import Transcoder
from integrahub.domain.parsing.encodings import Inflater, inflater_for
from integrahub.pipeline.ingest.decoding import Decoding

INLINE_BODY_LIMIT = 64 * 1024  # bytes: bodies up to this ride in the batch row
_HEAD_BYTES = 64 * 1024  # bytes: all that is looked at before the body is taken
_FREE_INFLATION_BYTES = 1 << 20  # decoded bytes that may come of however few
_MAX_INFLATE_SECONDS = 30.0  # seconds that decoding one body may take
_INFLATE_SLICE_SECONDS = 0.002  # seconds of it that other requests wait for
_RATE_GRACE_SECONDS = 30.0  # seconds waited for a client before its pace counts
_TRANSCODE_BLOCK_BYTES = 16 << 10  # encoded bytes at a time, of a body that is converted and kept as decoded
_MIN_BYTES_PER_SECOND = 1024  # bytes a second that a client must send from then on


@dataclass
class Upload:
    """A body on its way in: counts, hashes and bounds it while it passes. Sizes in bytes.

    `inflation` is how many decoded bytes may come of one received; `patience` how many seconds a client may be silent.
    A body that must be decoded takes turns and a seat of `decoding` once it is no small one; `client` is whose seat.
    With a `transcoder` the body is kept decoded and in UTF-8, and what is counted and hashed is that form of it.
    """

    blocks: AsyncIterator[bytes]
    encoding: str
    limit: int
    inflation: int = 500
    patience: float = 30.0
    held: list[bytes] = field(default_factory=list)
    head: bytes = b""
    received: int = 0
    decoded: int = 0
    waited: float = 0.0
    ended: bool = False
    transcoder: Transcoder | None = None
    decoding: Decoding | None = None
    client: str = ""

    def __post_init__(self) -> None:
        if self.transcoder and self.encoding:
            self.blocks = _sliced(self.blocks)
        self._inflater: Inflater = inflater_for(self.encoding)
        self._sha256 = hashlib.sha256()
        self._inflating = 0.0
        self._seat: AsyncExitStack | None = None

    async def close(self) -> None:
        """Give up the seat."""
        if self._seat:
            await self._seat.aclose()

    async def peek(self) -> bytes:
        """The first decoded bytes, at most 64 KiB of them; what was read is kept for `stream`."""
        while len(self.head) < _HEAD_BYTES and not self.ended:
            block = await self._next()
            self.held.append(block)
        return self.head[:_HEAD_BYTES]

    async def read_if_small(self) -> bytes | None:
        """The whole body as it is kept when it is small enough for the batch row."""
        while not self.ended and sum(map(len, self.held)) <= INLINE_BODY_LIMIT:
            self.held.append(await self._next())
        body = b"".join(self.held)
        return body if self.ended and len(body) <= INLINE_BODY_LIMIT else None

    async def stream(self) -> AsyncIterator[bytes]:
        """The whole body as it is kept: as received, or converted."""
        held, self.held = self.held, []
        for block in held:
            yield block
        while not self.ended:
            yield await self._next()

    @property
    def sha256(self) -> bytes:
        """Of the decoded bytes seen so far."""
        return self._sha256.digest()

    async def _next(self) -> bytes:
        block = await self._wait()
        try:
            if block is None:
                self.ended = True
                self._inflater.close()
                return self._rest()
            return await self._inflate(block)
        except BodyError as fault:
            raise BadRequest(fault.code, **fault.facts) from fault

    async def _wait(self) -> bytes | None:
        """The next block; TooSlow for a client that is silent too long or sends at a crawl."""
        begun = monotonic()
        try:
            async with asyncio.timeout(self.patience):
                block = await anext(self.blocks, None)
        except TimeoutError:
            raise RequestTimeout("body_timeout", received=self.received) from None
        self.waited += monotonic() - begun
        self.received += len(block or b"")
        if self.waited > _RATE_GRACE_SECONDS and self.received < self.waited * _MIN_BYTES_PER_SECOND:
            raise RequestTimeout("body_timeout", received=self.received)
        # Encoded bytes that come to nothing are bytes too.
        if self.received > self.limit + _FREE_INFLATION_BYTES:
            raise too_large(self.limit)
        return block

    async def _inflate(self, block: bytes) -> bytes:
        if not self.encoding and not self.transcoder:
            self._count(block)
            return block
        pieces, kept = self._inflater.feed(block), list[bytes]()
        while await self._slice(pieces, kept):
            if self._inflating > _MAX_INFLATE_SECONDS:
                raise PayloadTooLarge("body_inflates", encoding=self.encoding, received=self.received)
        return b"".join(kept) if self.transcoder else block

    async def _slice(self, pieces: Iterator[bytes], kept: list[bytes]) -> bool:
        """Decode for some milliseconds; False when the block is done."""
        if self.decoding is None or self.decoded <= _FREE_INFLATION_BYTES:
            return self._decode(pieces, kept)
        if self._seat is None:
            self._seat = await self.decoding.acquire_seat(self.client)
        async with self.decoding.turn():
            return self._decode(pieces, kept)

    def _decode(self, pieces: Iterator[bytes], kept: list[bytes]) -> bool:
        begun = monotonic()
        for piece in pieces:
            if self.transcoder:
                piece = self.transcoder.feed(piece)
                kept.append(piece)
            self._count(piece)
            if monotonic() - begun > _INFLATE_SLICE_SECONDS:
                break
        else:
            self._inflating += monotonic() - begun
            return False
        self._inflating += monotonic() - begun
        return True

    def _rest(self) -> bytes:
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


async def _sliced(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for block in blocks:
        for start in range(0, len(block), _TRANSCODE_BLOCK_BYTES):
            yield block[start : start + _TRANSCODE_BLOCK_BYTES]


def too_large(limit: int) -> PayloadTooLarge:
    """The refusal of a body over `limit` decoded bytes."""
    return PayloadTooLarge("body_too_large", {"limit": limit}, limit=limit)
