"""Server-sent events of one batch: its progress, then its end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from integrahub.api.batch_views import to_batch_answer
from integrahub.domain.errors import Problem, Unavailable
from integrahub.domain.languages import Language
from integrahub.reports.batch_watch import WATCH_INTERVAL_SECONDS, BatchState, BatchWatch, Watcher
from integrahub.reports.encodings import encode_json

MAX_STREAMS_PER_KEY, MAX_STREAMS = 20, 200  # in one process
COMMENT_INTERVAL_SECONDS = 15.0
FINISHED_ID = "finished"
_FULL_RETRY_SECONDS = 10
_COMMENT = b":\n\n"
_HEAD = b"retry: 2000\n\n"  # milliseconds until a client connects again


class StreamSlots:
    """Limits on the open streams of this process: per key, and of all keys."""

    def __init__(self, per_key: int = MAX_STREAMS_PER_KEY, total: int = MAX_STREAMS) -> None:
        self._per_key = per_key
        self._total = total
        self._open = Counter[str]()

    def check(self, key: str) -> None:
        """Raise Unavailable if the key, or all keys together, have no stream left."""
        if self._open[key] >= self._per_key or self._open.total() >= self._total:
            raise Unavailable(
                "streams_limited",
                _FULL_RETRY_SECONDS,
                per_key=self._per_key,
                total=self._total,
                wait=_FULL_RETRY_SECONDS,
            )

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Hold a stream of the key while the block runs."""
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            self._open += Counter()  # removes keys without a stream


def event_id(state: BatchState) -> str:
    """Return the id of the event that shows a state. States that do not differ for the client have the same id."""
    report = state.report
    if report.finished_at:
        return FINISHED_ID
    settled = sum((report.inserted, report.updated, report.unchanged, report.merged, report.superseded))
    settled += report.rejected + report.dead
    return f"{report.stage}-{report.queue_position}-{report.items_total or 0}-{settled}"


class BatchStream:
    """The events of one batch for one client. `check` raises a Problem once the client's key is no longer valid."""

    def __init__(
        self, watch: BatchWatch, first: BatchState, language: Language, check: Callable[[], Awaitable[object]]
    ):
        self._watch = watch
        self._first = first
        self._language = language
        self._check = check

    async def events(self, last_id: str) -> AsyncIterator[bytes]:
        """Yield progress at most once a second while it changes, and the end once; a comment every 15 s.

        The state that the client knows by `last_id` is not repeated.
        """
        yield _HEAD
        with self._watch.watch(self._first.report.batch_id) as watcher:
            if not watcher.is_over:
                watcher.put(self._first)
            async for block in self._follow(watcher, last_id):
                yield block

    async def _follow(self, watcher: Watcher, last_id: str) -> AsyncIterator[bytes]:
        comment_at = monotonic() + COMMENT_INTERVAL_SECONDS
        while not watcher.is_over:
            if await watcher.wait(max(0.0, comment_at - monotonic())) and watcher.state:
                event = event_id(watcher.state)
                if event != last_id:
                    yield self._encode(watcher.state, event)
                    last_id = event
                if event == FINISHED_ID:
                    return
                # The watcher keeps the latest state during the pause.
                await asyncio.sleep(WATCH_INTERVAL_SECONDS)
            if monotonic() >= comment_at:
                if not await self._is_key_valid():
                    return
                yield _COMMENT
                comment_at = monotonic() + COMMENT_INTERVAL_SECONDS

    def _encode(self, state: BatchState, event: str) -> bytes:
        answer = to_batch_answer(state.report, self._language, state.estimate)
        name = "finished" if event == FINISHED_ID else "progress"
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (
            event.encode(),
            name.encode(),
            encode_json(answer.model_dump(mode="json")),
        )

    async def _is_key_valid(self) -> bool:
        try:
            await self._check()
        except Problem:
            return False
        return True
