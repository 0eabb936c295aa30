"""Ingest step: store a body, commit its batch, return the receipt, publish `batches.received`."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import Context
from time import monotonic
from uuid import UUID

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.db.batches import batch_log
from integrahub.db.batches.accept import Outcome, Receipt, Submission
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind, LoadType
from integrahub.domain.errors import (
    IntegraHubError,
    Problem,
    Transient,
    Unavailable,
)
from integrahub.domain.events import BATCHES_RECEIVED, BatchReceived
from integrahub.domain.ids import uuid7
from integrahub.pipeline.ingest.admission import AdmissionControl
from integrahub.pipeline.ingest.full_uploads import keep_window_open
from integrahub.pipeline.ingest.group_commit import GroupCommit, QueueLimits
from integrahub.pipeline.ingest.small_posts import SmallPosts
from integrahub.pipeline.ingest.upload import Upload
from integrahub.storage.base import Storage
from integrahub.storage.framed import FRAMED_ENCODING, FRAMED_SUFFIX

_log = structlog.get_logger()


class IngestRequest(msgspec.Struct, frozen=True):
    """One upload: its pharmacy, and what its headers say."""

    pharmacy_id: int
    cnpj: str
    load_type: LoadType
    media_type: str
    encoding: str
    idempotency_key: str | None
    item_count: int | None
    started: float  # monotonic seconds at the first byte
    batch_id: UUID = msgspec.field(default_factory=uuid7)  # also the trace id
    api_key_id: UUID | None = None  # of the key that posted; None for a key from the settings
    kind: BatchKind = BatchKind.LOAD  # or a dry run


class Ingest:
    """Store a body and commit its batch. Concurrent posts share one commit."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        bus: Bus,
        admission: AdmissionControl,
        *,
        commit_timeout: float = 8.0,
        window_minutes: int = 0,
    ) -> None:
        self._database = database
        self._window_minutes = window_minutes
        self._commit_timeout = commit_timeout  # seconds
        self._storage = storage
        self._bus = bus
        self._admission = admission
        self._accept = GroupCommit(database, self._publish_accepted, QueueLimits())
        self.small_posts = SmallPosts(self._accept, admission, commit_timeout)
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, request: IngestRequest, upload: Upload) -> Receipt:
        """Return the receipt once body and batch are durable.

        Raise a Problem if the post is refused; then neither body nor batch remains.
        """
        await self._admission.check(request.pharmacy_id)
        self._accept.check(request.pharmacy_id)
        body = await upload.read_if_small()
        if body is not None:
            return await self._commit(build_submission(request, body, None, upload.decoded, upload.sha256), upload)
        async with self._open_window(request):
            stored, location, size = await self._store(request, upload)
            post = build_submission(stored, None, location, upload.decoded, upload.sha256)
            return await self._commit(msgspec.structs.replace(post, stored_bytes=size), upload)

    async def close(self) -> None:
        """Wait for running commits, publications and deletions."""
        await self._accept.close()
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)
        await self._admission.close()

    async def _store(self, request: IngestRequest, upload: Upload) -> tuple[IngestRequest, str, int]:
        """Store a body; return the request with the encoding of the stored form, name and size of the object."""
        location = f"batches/{request.batch_id.hex[-1]}/{request.batch_id}"  # few folders: each new one costs flushes
        if not upload.is_framed:
            return request, location, await self._storage.put(location, upload.stream())
        location += FRAMED_SUFFIX
        size = await self._storage.put(location, upload.stream_text())
        return msgspec.structs.replace(request, encoding=FRAMED_ENCODING), location, size

    def _open_window(self, request: IngestRequest) -> AbstractAsyncContextManager[None]:
        if request.load_type != LoadType.FULL or request.kind is BatchKind.DRY_RUN:
            return nullcontext()
        return keep_window_open(
            self._database,
            request.pharmacy_id,
            request.batch_id,
            started=request.started,
            window_minutes=self._window_minutes,
        )

    async def _commit(self, post: Submission, upload: Upload) -> Receipt:
        """Commit the batch of a body that is in memory or stored, and return its receipt."""
        try:
            outcome = await self._accept_in_time(post)
        except Unavailable:  # after any other error the batch may be committed, so its object must stay
            self._discard(post.location)
            raise
        if isinstance(outcome, Receipt) and outcome.batch_id == post.id:
            self._admission.record(post.pharmacy_id, upload.decoded)
        else:
            self._discard(post.location)
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def _accept_in_time(self, post: Submission) -> Outcome:
        """Wait while commits succeed. Raise Transient if none did within the timeout."""
        outcome, submitted_at = self._accept.submit(post), monotonic()
        while not outcome.done():
            idle = monotonic() - max(submitted_at, self._accept.committed_at)
            if idle >= self._commit_timeout:
                # The commit may still happen. A client that sends the body again then gets the receipt of this batch.
                raise Transient("the batch was not committed in time")
            await asyncio.wait({outcome}, timeout=self._commit_timeout - idle)
        return outcome.result()

    def _publish_accepted(self, accepted: list[tuple[Submission, Receipt]]) -> None:
        batch_log.log_accepted([post for post, _ in accepted])
        small, large = list[bytes](), list[bytes]()
        for post, receipt in accepted:
            event = BatchReceived(post.id, post.cnpj, post.load_type, receipt.received_at)
            (small if post.location is None else large).append(msgspec.json.encode(event))
        self._start(self._publish(small, large))

    async def _publish(self, small: list[bytes], large: list[bytes]) -> None:
        """Publish events: those of small bodies together, those of large ones for any number of workers."""
        try:
            if large:
                await self._bus.publish(BATCHES_RECEIVED, large)
            if small:
                await self._bus.publish(BATCHES_RECEIVED, small, together=True)
        except IntegraHubError as error:
            _log.warning(
                "batches accepted but not published, the sweep will publish them", action="publish", error=str(error)
            )

    def _discard(self, location: str | None) -> None:
        """Delete a body that no batch names, in the background."""
        if location:
            self._start(self._delete(location))

    async def _delete(self, location: str) -> None:
        try:
            await self._storage.delete(location)
        except Transient as error:
            _log.warning(
                "unneeded body not deleted, the orphan removal will delete it", action="discard", error=str(error)
            )

    def _start(self, work: Coroutine[object, object, None]) -> None:
        # An empty context: the task must not log under the trace of the request that started it.
        task = asyncio.create_task(work, context=Context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def build_submission(
    request: IngestRequest, body: bytes | None, location: str | None, size: int, sha256: bytes
) -> Submission:
    """Return the post as it is committed. `size` and `sha256` are those of the decoded body."""
    return Submission(
        id=request.batch_id,
        pharmacy_id=request.pharmacy_id,
        cnpj=request.cnpj,
        load_type=request.load_type,
        media_type=request.media_type,
        encoding=request.encoding,
        idempotency_key=request.idempotency_key,
        item_count=request.item_count,
        body=body,
        location=location,
        sha256=sha256,
        started=request.started,
        bytes=size,
        api_key_id=request.api_key_id,
        kind=request.kind,
    )
