"""Group commit: posts that wait together share a transaction; those of a busy pharmacy wait aside for its turn."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from integrahub.db.batches.accept import Outcome, Receipt, Submission, accept
from integrahub.db.database import Database
from integrahub.domain.errors import Unavailable

_MAX_POSTS_PER_COMMIT, _MAX_BYTES_PER_COMMIT = 1000, 2 << 20  # posts, and bytes of bodies, that share a commit
_POST_OVERHEAD_BYTES = 2048  # what a post holds beside its body
_MIN_RETRY_SECONDS, _MAX_RETRY_SECONDS = 0.005, 0.1  # seconds between looks at turns that are held
_TURN_TIMEOUT_SECONDS = 7.0  # seconds a post waits for its pharmacy's turn
_RETRY_AFTER_SECONDS = 5.0  # seconds a client is asked to wait


class QueueLimits(NamedTuple):
    """Bytes that wait for a commit in this process: of all pharmacies, and of one."""

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
    """Whatever waits when a commit ends is the next one. A turn that is held delays its own pharmacy's posts alone.

    `committed` is called with the posts of each commit that became batches, and their receipts.
    """

    def __init__(
        self,
        database: Database,
        committed: Callable[[list[tuple[Submission, Receipt]]], None],
        limits: QueueLimits | None = None,
    ) -> None:
        self._database = database
        self._committed = committed
        self._limits = limits or QueueLimits()
        self._waiting: list[_Waiting] = []
        self._busy: dict[int, list[_Waiting]] = {}  # by pharmacy: posts that wait for its turn, longest untried first
        self._bytes: dict[int, int] = {}  # by pharmacy
        self._all_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._flushing = self._retrying = False

    def check(self, pharmacy_id: int) -> None:
        """Unavailable when too many posts wait already, of this pharmacy or of all."""
        of_one = self._bytes.get(pharmacy_id, 0)
        if self._all_bytes >= self._limits.total or of_one >= self._limits.pharmacy:
            raise Unavailable("commit_queue_full", _RETRY_AFTER_SECONDS)

    async def __call__(self, post: Submission) -> Outcome:
        """What became of a post, once that is durable; Unavailable when too many wait, or the turn is held too long."""
        if post.location is None:  # what is durable already takes no room
            self.check(post.pharmacy_id)
        waiting = _Waiting(post, asyncio.get_running_loop().create_future())
        self._count(post.pharmacy_id, waiting.size)
        waiting.outcome.add_done_callback(lambda _: self._count(post.pharmacy_id, -waiting.size))
        self._waiting.append(waiting)
        if not self._flushing:
            self._flushing = True
            self._start(self._flush())
        return await asyncio.shield(waiting.outcome)

    async def close(self) -> None:
        """Wait for commits under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _count(self, pharmacy_id: int, size: int) -> None:
        self._all_bytes += size
        self._bytes[pharmacy_id] = self._bytes.get(pharmacy_id, 0) + size
        if not self._bytes[pharmacy_id]:
            del self._bytes[pharmacy_id]

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = _first(self._waiting)
                self._set_aside([one for one in group if one.post.pharmacy_id in self._busy])
                free = [one for one in group if one.post.pharmacy_id not in self._busy]
                self._set_aside(await self._commit(free))
        finally:
            self._flushing = False

    def _set_aside(self, posts: list[_Waiting]) -> None:
        for one in posts:
            self._busy.setdefault(one.post.pharmacy_id, []).append(one)
        if posts and not self._retrying:
            self._retrying = True
            self._start(self._retry())

    async def _retry(self) -> None:
        """Try the posts of busy pharmacies again, together: none of them waits for another's turn."""
        pause = _MIN_RETRY_SECONDS
        try:
            while self._busy:
                await asyncio.sleep(pause)
                group, _ = _first([one for posts in self._busy.values() for one in posts])
                still = await self._commit(group)
                pause = min(2 * pause, _MAX_RETRY_SECONDS) if len(still) == len(group) else _MIN_RETRY_SECONDS
                self._put_back(group, still)
        finally:
            self._retrying = False

    def _put_back(self, group: list[_Waiting], still: list[_Waiting]) -> None:
        """Forget what is done; pharmacies still busy go behind the others."""
        tried = {id(one) for one in group}
        left = {id(one) for one in still if monotonic() - one.since < _TURN_TIMEOUT_SECONDS}
        for one in still:
            if id(one) not in left:
                one.refuse(Unavailable("turn_busy", _RETRY_AFTER_SECONDS))
        for pharmacy in {one.post.pharmacy_id: None for one in group}:
            posts = [one for one in self._busy.pop(pharmacy) if id(one) not in tried or id(one) in left]
            if posts:
                self._busy[pharmacy] = posts

    async def _commit(self, group: list[_Waiting]) -> list[_Waiting]:
        """Those whose pharmacy's turn is held by somebody else; the others have their outcome."""
        if not group:
            return []
        try:
            outcomes = await accept(self._database, [one.post for one in group])
        except Exception as error:
            for one in group:
                one.refuse(error)
            return []
        done = [(one, outcome) for one, outcome in zip(group, outcomes, strict=True) if outcome is not None]
        for one, outcome in done:
            one.outcome.set_result(outcome)
        told = [(one.post, got) for one, got in done if isinstance(got, Receipt) and got.batch_id == one.post.id]
        if told:
            self._committed(told)
        return [one for one, outcome in zip(group, outcomes, strict=True) if outcome is None]

    def _start(self, work: Coroutine[object, object, None]) -> None:
        # Many posts share it: what it logs is of no single trace.
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _first(waiting: list[_Waiting]) -> tuple[list[_Waiting], list[_Waiting]]:
    """Those that go together, at least one, and the rest."""
    size = count = 0
    for one in waiting[:_MAX_POSTS_PER_COMMIT]:
        size += len(one.post.body or b"")
        if count and size > _MAX_BYTES_PER_COMMIT:
            break
        count += 1
    return waiting[:count], waiting[count:]
