"""Ingest: a body becomes durable and gets its number, then the client is answered."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import Context
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
import structlog

from integrahub.bus.base import Bus
from integrahub.db.batches import batch_log
from integrahub.db.batches.accept import Outcome, Receipt, Submission
from integrahub.db.database import Database
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
from integrahub.pipeline.ingest.upload import Upload
from integrahub.storage.base import Storage

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class IngestRequest:
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
        admission: AdmissionControl,
        limits: QueueLimits | None = None,
        *,
        commit_timeout: float = 8.0,
        window_minutes: int = 0,
    ) -> None:
        self._database = database
        self._window_minutes = window_minutes
        self._patience = commit_timeout  # seconds a client waits for its commit
        self._storage = storage
        self._bus = bus
        self._admission = admission
        self._accept = GroupCommit(database, self._publish_committed, limits)
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, request: IngestRequest, upload: Upload) -> Receipt:
        """The receipt once body and batch are durable; a Problem when it is refused, leaving nothing behind."""
        await self._admission(request.pharmacy_id)
        self._accept.check(request.pharmacy_id)
        body = await upload.read_if_small()
        if body is not None:
            return await self._commit(_submission(request, upload, body, None), upload)
        location = f"batches/{request.cnpj}/{request.batch_id}"
        async with self._open_window(request):
            await self._storage.put(location, upload.stream())
            return await self._commit(_submission(request, upload, None, location), upload)

    def _open_window(self, request: IngestRequest) -> AbstractAsyncContextManager[None]:
        if request.load_type != "full":
            return nullcontext()
        return keep_window_open(
            self._database,
            request.pharmacy_id,
            request.batch_id,
            begun=request.begun,
            window_minutes=self._window_minutes,
        )

    async def _commit(self, post: Submission, upload: Upload) -> Receipt:
        """Commit a post whose body is at hand or durable."""
        try:
            outcome = await self._commit_in_time(post)
        except Unavailable:  # other errors leave open whether the commit happened: the object stays
            self._discard(post.location)
            raise
        if isinstance(outcome, Receipt) and outcome.batch_id == post.id:
            self._admission.record(post.pharmacy_id, upload.decoded)
            batch_log.accepted(post)
        else:
            self._discard(post.location)
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Wait for commits and dispatches under way."""
        await self._accept.close()
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)
        await self._admission.close()

    def _publish_committed(self, accepted: list[tuple[Submission, Receipt]]) -> None:
        events = [BatchReceived(post.id, post.cnpj, post.load_type, got.received_at) for post, got in accepted]
        self._start(self._publish(events))

    async def _commit_in_time(self, post: Submission) -> Outcome:
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

    async def _publish(self, events: list[BatchReceived]) -> None:
        try:
            await self._bus.publish(BATCHES_RECEIVED, [msgspec.json.encode(event) for event in events])
        except IntegraHubError as error:
            _log.warning("batches are accepted but not announced; sweep will", action="announce", error=str(error))


def _submission(request: IngestRequest, upload: Upload, body: bytes | None, location: str | None) -> Submission:
    members = {name: getattr(request, name) for name in IngestRequest.__slots__ if name != "batch_id"}
    return Submission(
        id=request.batch_id, body=body, location=location, bytes=upload.decoded, sha256=upload.sha256, **members
    )
