"""A batch as an asynchronous client sees it: progress, report, changes."""

from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any

from integrahub.client.asynchronous.connection import AsyncConnection
from integrahub.client.responses import Page, Row, read_retry_after
from integrahub.client.waiting import sleep_async

_FIRST_POLL_SECONDS = 0.1
_FAST_POLLING_SECONDS = 1.0
_MAX_BACKOFF_SECONDS = 5.0
_MAX_POLL_SECONDS = 60.0
_POLL_BACKOFF = 1.5
_REPORT_ROWS_PER_PAGE = 1000


class AsyncBatch:
    """A batch. `data` is what the hub last answered about it: after a post the 202, later the whole batch."""

    def __init__(self, connection: AsyncConnection, data: Row, *, is_repeated: bool = False) -> None:
        self._connection = connection
        self.data = data
        self._retry_after: float | None = None
        #: True if the hub had already received this post, so that this is the batch of the first one.
        self.is_repeated = is_repeated

    @property
    def id(self) -> str:
        """Return the id of the batch."""
        return str(self.data["batch_id"])

    @property
    def status(self) -> str:
        """Return the status as of the last answer."""
        return str(self.data["status"])

    @property
    def is_final(self) -> bool:
        """Return whether the batch has ended, as of the last answer."""
        return bool(self.data.get("finished_at"))

    async def refresh(self) -> Row:
        """Read the batch and return its data."""
        response = await self._connection.request("GET", self._path)
        self.data, self._retry_after = self._connection.parse_batch(response), read_retry_after(response)
        return self.data

    async def wait(
        self,
        timeout: float | None = None,
        on_progress: Callable[[Row], None] | None = None,
        max_interval: float = _MAX_POLL_SECONDS,
    ) -> Row:
        """Return the data of the batch once it is final. Raise TimeoutError after `timeout` seconds.

        `on_progress` receives the data after each read. The reads become slower, up to `max_interval` seconds, and
        after the first seconds follow the hub's Retry-After.
        """
        deadline = None if timeout is None else monotonic() + timeout
        interval = _FIRST_POLL_SECONDS
        while True:
            data = await self.refresh()
            if on_progress:
                on_progress(data)
            if self.is_final:
                return data
            left = interval if deadline is None else deadline - monotonic()
            if left <= 0:
                raise TimeoutError(f"Batch {self.id} is not final after {timeout} s; it is {self.status}.")
            await sleep_async(min(interval, left))
            slower = min(interval * _POLL_BACKOFF, _MAX_BACKOFF_SECONDS)
            hinted = self._retry_after if slower > _FAST_POLLING_SECONDS else None
            interval = min(max_interval, hinted or slower)

    def errors(self, **query: Any) -> AsyncIterator[Row]:
        """Yield the rejected records and the warnings, page by page."""
        return self._connection.list_all(f"{self._path}/errors", **{"limit": _REPORT_ROWS_PER_PAGE} | query)

    def changes(self, cursor: str | None = None, **query: Any) -> AsyncIterator[Page]:
        """Yield pages of what the batch changed; filter with `kind` and `field`. The first `body` has the counts."""
        return self._connection.list_pages(
            f"{self._path}/changes", cursor=cursor, **{"limit": _REPORT_ROWS_PER_PAGE} | query
        )

    def absent_products(self, **query: Any) -> AsyncIterator[Row]:
        """Yield the products that a deactivation switched off, or that its approval would; filter with `in_stock`."""
        return self._connection.list_all(
            f"{self._path}/deactivation/products", **{"limit": _REPORT_ROWS_PER_PAGE} | query
        )

    @property
    def _path(self) -> str:
        return f"/v1/batches/{self.id}"
