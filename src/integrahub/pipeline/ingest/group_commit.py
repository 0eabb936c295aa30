"""Group commit: concurrent posts share one transaction."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from integrahub.db.batches.accept import Outcome, Receipt, Submission, accept
from integrahub.db.database import Database
from integrahub.domain.errors import Unavailable
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher

_MAX_POSTS_PER_COMMIT, _MAX_BYTES_PER_COMMIT = 1000, 2 << 20
_POST_OVERHEAD_BYTES = 2048  # memory of a waiting post without its body
_MIN_RETRY_SECONDS, _MAX_RETRY_SECONDS = 0.005, 0.1  # between attempts at locked turns
_TURN_TIMEOUT_SECONDS = 7.0
_RETRY_AFTER_SECONDS = 5.0


class QueueLimits(NamedTuple):
    """Limits on the bytes that wait for a commit in this process: of all pharmacies, and of one."""

    total: int = 64 << 20
    pharmacy: int = 16 << 20


@dataclass(slots=True)
class _Waiting:
    post: Submission
    outcome: asyncio.Future[Outcome]
    since: float = field(default_factory=monotonic)

    @property
    def size(self) -> int:
        return _POST_OVERHEAD_BYTES + len(self.post.body or b"")

    def refuse(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


class GroupCommit:
    """Commit the posts that wait when the previous commit ends, in one transaction.

    Posts of a pharmacy whose turn row is locked are retried apart, so they delay no other pharmacy. After each commit
    `on_committed` gets the posts that became batches, with their receipts.
    """

    def __init__(
        self,
        database: Database,
        on_committed: Callable[[list[tuple[Submission, Receipt]]], None],
        limits: QueueLimits | None = None,
    ) -> None:
        self._database = database
        self._on_committed = on_committed
        self._limits = limits or QueueLimits()
        self._batcher = MicroBatcher[_Waiting, None](self._commit_unlocked, _COMMIT_LIMITS)
        self._locked: dict[int, list[_Waiting]] = {}  # by pharmacy; the one tried longest ago comes first
        self._bytes: dict[int, int] = {}  # by pharmacy
        self._total_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_retrying = False
        self.committed_at = float("-inf")  # monotonic time of the last commit

    def check(self, pharmacy_id: int) -> None:
        """Raise Unavailable if the queue of this pharmacy, or of all, is full."""
        pharmacy_bytes = self._bytes.get(pharmacy_id, 0)
        if self._total_bytes >= self._limits.total or pharmacy_bytes >= self._limits.pharmacy:
            raise Unavailable("commit_queue_full", _RETRY_AFTER_SECONDS)

    async def __call__(self, post: Submission) -> Outcome:
        """Return the outcome of a post once it is durable."""
        return await asyncio.shield(self.submit(post))

    def submit(self, post: Submission) -> asyncio.Future[Outcome]:
        """Queue a post and return the future of its outcome, which is Unavailable if the pharmacy's turn stays locked.

        Raise Unavailable if the queue is full.
        """
        if post.location is None:  # a stored body needs no memory here
            self.check(post.pharmacy_id)
        waiting = _Waiting(post, asyncio.get_running_loop().create_future())
        self._count(post.pharmacy_id, waiting.size)
        waiting.outcome.add_done_callback(lambda _: self._forget(waiting))
        self._batcher.submit(waiting)
        return waiting.outcome

    async def close(self) -> None:
        """Wait for running commits."""
        await self._batcher.close()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget(self, waiting: _Waiting) -> None:
        self._count(waiting.post.pharmacy_id, -waiting.size)
        if not waiting.outcome.cancelled():
            waiting.outcome.exception()  # read it: asyncio reports exceptions of futures that have lost their callers

    def _count(self, pharmacy_id: int, size: int) -> None:
        self._total_bytes += size
        self._bytes[pharmacy_id] = self._bytes.get(pharmacy_id, 0) + size
        if not self._bytes[pharmacy_id]:
            del self._bytes[pharmacy_id]

    async def _commit_unlocked(self, group: list[_Waiting]) -> None:
        self._set_aside([one for one in group if one.post.pharmacy_id in self._locked])
        free = [one for one in group if one.post.pharmacy_id not in self._locked]
        self._set_aside(await self._commit(free))

    def _set_aside(self, posts: list[_Waiting]) -> None:
        for one in posts:
            self._locked.setdefault(one.post.pharmacy_id, []).append(one)
        if posts and not self._is_retrying:
            self._is_retrying = True
            self._start(self._retry())

    async def _retry(self) -> None:
        """Retry the posts of all locked pharmacies together until none is left."""
        pause = _MIN_RETRY_SECONDS
        try:
            while self._locked:
                await asyncio.sleep(pause)
                group, _ = _COMMIT_LIMITS.split([one for posts in self._locked.values() for one in posts])
                still_locked = await self._commit(group)
                is_stuck = len(still_locked) == len(group)
                pause = min(2 * pause, _MAX_RETRY_SECONDS) if is_stuck else _MIN_RETRY_SECONDS
                self._put_back(group, still_locked)
        finally:
            self._is_retrying = False

    def _put_back(self, group: list[_Waiting], still_locked: list[_Waiting]) -> None:
        """Remove the posts of `group` that are done; move pharmacies that are still locked to the end."""
        tried = {id(one) for one in group}
        remaining = {id(one) for one in still_locked if monotonic() - one.since < _TURN_TIMEOUT_SECONDS}
        for one in still_locked:
            if id(one) not in remaining:
                one.refuse(Unavailable("turn_busy", _RETRY_AFTER_SECONDS))
        for pharmacy in {one.post.pharmacy_id: None for one in group}:
            posts = [one for one in self._locked.pop(pharmacy) if id(one) not in tried or id(one) in remaining]
            if posts:
                self._locked[pharmacy] = posts

    async def _commit(self, group: list[_Waiting]) -> list[_Waiting]:
        """Commit a group, and return the posts whose pharmacy's turn is locked by another transaction."""
        if not group:
            return []
        try:
            outcomes = await accept(self._database, [one.post for one in group])
        except Exception as error:
            for one in group:
                one.refuse(error)
            return []
        self.committed_at = monotonic()
        done = [(one, outcome) for one, outcome in zip(group, outcomes, strict=True) if outcome is not None]
        for one, outcome in done:
            one.outcome.set_result(outcome)
        accepted = [
            (one.post, outcome)
            for one, outcome in done
            if isinstance(outcome, Receipt) and outcome.batch_id == one.post.id
        ]
        if accepted:
            self._on_committed(accepted)
        return [one for one, outcome in zip(group, outcomes, strict=True) if outcome is None]

    def _start(self, work: Coroutine[object, object, None]) -> None:
        # An empty context: many posts share the task, so it must not log under the trace of one of them.
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_COMMIT_LIMITS = BatchLimits[_Waiting](
    _MAX_POSTS_PER_COMMIT, _MAX_BYTES_PER_COMMIT, lambda waiting: len(waiting.post.body or b"")
)
