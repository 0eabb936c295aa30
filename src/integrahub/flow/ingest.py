"""Ingest: a body becomes durable and gets its number, then the client is answered."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.db.pool import Database
from integrahub.db.receipts import Outcome, Post, Receipt
from integrahub.domain.bodies import Inflater, inflater_for
from integrahub.domain.charsets import Transcoder
from integrahub.domain.errors import (
    BadRequest,
    BodyFault,
    IntegraHubError,
    PayloadTooLarge,
    Problem,
    TooSlow,
    Transient,
    Unavailable,
)
from integrahub.domain.events import BATCHES_RECEIVED, BatchReceived
from integrahub.domain.identifiers import uuid7
from integrahub.flow import batch_log
from integrahub.flow.admitting import Admission
from integrahub.flow.full_uploads import uploading
from integrahub.flow.group_commit import GroupCommit, QueueLimits
from integrahub.storage.base import Storage

INLINE = 64 * 1024  # bytes: bodies up to this ride in the batch row
_HEAD = 64 * 1024  # bytes: all that is looked at before the body is taken
_LENIENT = 1 << 20  # decoded bytes that may come of however few
_INFLATING = 30.0  # seconds that decoding one body may take
_GRACE = 30.0  # seconds waited for a client before its pace counts
_CONVERTED = 16 << 10  # encoded bytes at a time, of a body that is converted and kept as decoded
_PACE = 1024  # bytes a second that a client must send from then on
_log = structlog.get_logger()


@dataclass
class Upload:
    """A body on its way in: counts, hashes and bounds it while it passes. Sizes in bytes.

    `inflation` is how many decoded bytes may come of one received; `patience` how many seconds a client may be silent.
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

    def __post_init__(self) -> None:
        if self.transcoder and self.encoding:
            self.blocks = _sliced(self.blocks)
        self._inflater: Inflater = inflater_for(self.encoding)
        self._sha256 = hashlib.sha256()
        self._inflating = 0.0

    async def look(self) -> bytes:
        """The first decoded bytes, at most 64 KiB of them; what was read is kept for `stream`."""
        while len(self.head) < _HEAD and not self.ended:
            block = await self._next()
            self.held.append(block)
        return self.head[:_HEAD]

    async def small(self) -> bytes | None:
        """The whole body as it is kept when it is small enough for the batch row."""
        while not self.ended and sum(map(len, self.held)) <= INLINE:
            self.held.append(await self._next())
        body = b"".join(self.held)
        return body if self.ended and len(body) <= INLINE else None

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
            return self._inflate(block)
        except BodyFault as fault:
            raise BadRequest(fault.code, **fault.facts) from fault

    async def _wait(self) -> bytes | None:
        """The next block; TooSlow for a client that is silent too long or sends at a crawl."""
        begun = monotonic()
        try:
            async with asyncio.timeout(self.patience):
                block = await anext(self.blocks, None)
        except TimeoutError:
            raise TooSlow("body_slow", received=self.received) from None
        self.waited += monotonic() - begun
        self.received += len(block or b"")
        if self.waited > _GRACE and self.received < self.waited * _PACE:
            raise TooSlow("body_slow", received=self.received)
        # Encoded bytes that come to nothing are bytes too.
        if self.received > self.limit + _LENIENT:
            raise too_large(self.limit)
        return block

    def _inflate(self, block: bytes) -> bytes:
        begun, kept = monotonic(), []
        for piece in self._inflater.feed(block):
            if self.transcoder:
                piece = self.transcoder.feed(piece)
                kept.append(piece)
            self._count(piece)
        self._inflating += monotonic() - begun
        if self._inflating > _INFLATING:
            raise PayloadTooLarge("body_inflates", encoding=self.encoding, received=self.received)
        return b"".join(kept) if self.transcoder else block

    def _rest(self) -> bytes:
        rest = self.transcoder.close() if self.transcoder else b""
        self._count(rest)
        return rest

    def _count(self, piece: bytes) -> None:
        self.decoded += len(piece)
        if self.decoded > self.limit:
            raise too_large(self.limit)
        if self.encoding and self.decoded > max(_LENIENT, self.inflation * self.received):
            raise PayloadTooLarge("body_inflates", encoding=self.encoding, received=self.received)
        self._sha256.update(piece)
        if len(self.head) < _HEAD:
            self.head += piece[:_HEAD]


async def _sliced(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for block in blocks:
        for start in range(0, len(block), _CONVERTED):
            yield block[start : start + _CONVERTED]


def too_large(limit: int) -> PayloadTooLarge:
    """The refusal of a body over `limit` decoded bytes."""
    return PayloadTooLarge("body_too_large", {"limit": limit}, limit=limit)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers say of an upload, and whose it is."""

    pharmacy_id: int
    cnpj: str
    load_type: str
    media_type: str
    encoding: str
    idempotency_key: str | None
    item_count: int | None
    begun: float  # monotonic seconds, of the first byte
    batch_id: UUID = field(default_factory=uuid7)  # of the batch that comes of it, and of its trace


class Ingest:
    """Make a body durable, commit its batch, answer. Many posts share one commit."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        bus: Bus,
        admission: Admission,
        limits: QueueLimits | None = None,
        *,
        patience: float = 8.0,
        window_minutes: int = 0,
    ) -> None:
        self._database = database
        self._window_minutes = window_minutes
        self._patience = patience  # seconds a client waits for its commit
        self._storage = storage
        self._bus = bus
        self._admission = admission
        self._accept = GroupCommit(database, self._committed, limits)
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, envelope: Envelope, upload: Upload) -> Receipt:
        """The receipt once body and batch are durable; a Problem when it is refused, leaving nothing behind."""
        await self._admission(envelope.pharmacy_id)
        self._accept.check(envelope.pharmacy_id)
        body = await upload.small()
        if body is not None:
            return await self._take(_post(envelope, upload, body, None), upload)
        location = f"batches/{envelope.cnpj}/{envelope.batch_id}"
        async with self._in_window(envelope):
            await self._storage.put(location, upload.stream())
            return await self._take(_post(envelope, upload, None, location), upload)

    def _in_window(self, envelope: Envelope) -> AbstractAsyncContextManager[None]:
        if envelope.load_type != "full":
            return nullcontext()
        return uploading(
            self._database,
            envelope.pharmacy_id,
            envelope.batch_id,
            begun=envelope.begun,
            window_minutes=self._window_minutes,
        )

    async def _take(self, post: Post, upload: Upload) -> Receipt:
        """Commit a post whose body is at hand or durable."""
        try:
            outcome = await self._committed_in_time(post)
        except Unavailable:  # other errors leave open whether the commit happened: the object stays
            self._discard(post.location)
            raise
        if isinstance(outcome, Receipt) and outcome.batch_id == post.id:
            self._admission.take(post.pharmacy_id, upload.decoded)
            batch_log.accepted(post)
        else:
            self._discard(post.location)
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Wait for commits and announcements under way."""
        await self._accept.close()
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)
        await self._admission.close()

    def _committed(self, accepted: list[tuple[Post, Receipt]]) -> None:
        events = [BatchReceived(post.id, post.cnpj, post.load_type, got.received_at) for post, got in accepted]
        self._start(self._announce(events))

    async def _committed_in_time(self, post: Post) -> Outcome:
        try:
            async with asyncio.timeout(self._patience):
                return await self._accept(post)
        except TimeoutError:
            # It may wait behind a commit that hangs, or hang itself. A resend is absorbed if it happens after all.
            raise Transient("the batch was not committed in time") from None

    def _discard(self, location: str | None) -> None:
        """Remove a body that no batch names, without the client waiting for it."""
        if location:
            self._start(self._delete(location))

    async def _delete(self, location: str) -> None:
        try:
            await self._storage.delete(location)
        except Transient as error:
            _log.warning("a body that is not needed stays for now", action="discard", error=str(error))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        # What it logs is of no single trace.
        task = asyncio.create_task(work, context=Context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _announce(self, events: list[BatchReceived]) -> None:
        try:
            await self._bus.publish(BATCHES_RECEIVED, [msgspec.json.encode(event) for event in events])
        except IntegraHubError as error:
            _log.warning("batches are accepted but not announced; sweep will", action="announce", error=str(error))


def _post(envelope: Envelope, upload: Upload, body: bytes | None, location: str | None) -> Post:
    members = {name: getattr(envelope, name) for name in Envelope.__slots__ if name != "batch_id"}
    return Post(
        id=envelope.batch_id, body=body, location=location, bytes=upload.decoded, sha256=upload.sha256, **members
    )
