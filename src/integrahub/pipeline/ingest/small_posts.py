"""Small posts without a task each: a callback gets the receipt, or the error, once the body is durable."""

import asyncio
from collections.abc import Callable
from time import monotonic

from integrahub.db.batches.accept import Outcome, Receipt, Submission
from integrahub.domain.errors import Transient
from integrahub.pipeline.ingest.admission import AdmissionControl
from integrahub.pipeline.ingest.group_commit import GroupCommit

Done = Callable[[Receipt | BaseException], None]


class SmallPosts:
    """Commit bodies that are in memory. They share queue, commits and limits with all other posts."""

    def __init__(self, accept: GroupCommit, admission: AdmissionControl, commit_timeout: float) -> None:
        self._accept = accept
        self._admission = admission
        self._commit_timeout = commit_timeout

    def admits(self, pharmacy_id: int) -> bool:
        """Return whether the backlog admits a post of this pharmacy, and needs no new count before that is known."""
        return self._admission.admits_at_once(pharmacy_id)

    def commit(self, post: Submission, done: Done) -> None:
        """Commit a post and call `done` with the outcome. Raise Unavailable if the queue is full.

        Without any commit within the timeout `done` gets Transient; the post may still be committed.
        """
        _PendingPost(self._accept, self._commit_timeout, post, self._record(post, done))

    def _record(self, post: Submission, done: Done) -> Done:
        def record(outcome: Receipt | BaseException) -> None:
            if isinstance(outcome, Receipt) and outcome.batch_id == post.id:
                self._admission.record(post.pharmacy_id, post.bytes)
            done(outcome)

        return record


class _PendingPost:
    """A post in the queue, with the timer that ends its wait while no commit succeeds."""

    __slots__ = ("_accept", "_done", "_since", "_timeout", "_timer")

    def __init__(self, accept: GroupCommit, timeout: float, post: Submission, done: Done) -> None:
        self._accept, self._timeout = accept, timeout
        self._done: Done | None = done
        outcome = accept.submit(post)
        self._since = monotonic()
        self._timer = asyncio.get_running_loop().call_later(timeout, self._check)
        outcome.add_done_callback(self._finish)

    def _check(self) -> None:
        idle = monotonic() - max(self._since, self._accept.committed_at)
        if idle >= self._timeout:
            self._give(Transient("the batch was not committed in time"))
        else:
            self._timer = asyncio.get_running_loop().call_later(self._timeout - idle, self._check)

    def _finish(self, future: "asyncio.Future[Outcome]") -> None:
        self._timer.cancel()
        if future.cancelled():
            self._give(Transient("the commit was cancelled"))
        else:
            self._give(future.exception() or future.result())

    def _give(self, outcome: Receipt | BaseException) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(outcome)
