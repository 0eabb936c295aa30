# Generated from the folder `asynchronous` by `make sync-client`. Change that one.
"""Connection of a synchronous client to a hub: requests, retries and errors."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from integrahub.client.errors import ApiError
from integrahub.client.responses import Page, Row, authorization, check_status
from integrahub.client.retries import retry_delay
from integrahub.client.transport import is_transient, open_http, trust_authorities, unreachable
from integrahub.client.uploads import UploadListener
from integrahub.client.waiting import run_here, sleep

PRODUCTS_PATH = "/v1/inovafarma/products"
_REPEATABLE_METHODS = frozenset({"GET", "HEAD"})
_REFUSED_STATUSES = frozenset({429, 503})  # the hub did nothing, so that any request may be repeated
_KEYLESS_STATUSES = frozenset({401})


class Connection:
    """Connection to the hub at `url`; close it after use (it is a context manager)."""

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        trusted: ssl.SSLContext | Path | str | None = None,
        language: str = "en",
        timeout: float | None = None,
        retries: int = 5,
    ) -> None:
        """Set up a connection; nothing is sent yet.

        `trusted` is the file of a certificate authority (PEM) or a context; by default the system's authorities
        count. `language` is that of messages: `en` or `pt-BR`. `timeout` is in seconds and per wait; by default it
        suits a large body. `retries` is how often a request is repeated after a failure that may pass.
        """
        self.url = url
        self._language = language
        files = (Path(trusted),) if isinstance(trusted, Path | str) else ()
        self._trusted = trusted if isinstance(trusted, ssl.SSLContext) else trust_authorities(*files)
        self._timeout = timeout
        self._retries = retries
        headers = {"Accept-Language": language, **authorization(key)}
        limits = {} if timeout is None else {"timeout": httpx2.Timeout(timeout)}
        self._http = open_http(url, self._trusted, headers, **limits)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET; parameters that are None are left out. Raise ApiError if the request fails."""
        return self.call("GET", path, params={name: value for name, value in query.items() if value is not None})

    def get_text(self, path: str) -> str:
        """Return the text of a GET. Raise ApiError if the request fails."""
        return (self.request("GET", path)).text

    def get_any_status(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a GET with any status: /health with 503 has a body too."""
        response = self._explain_failure(lambda: self._http.get(path))
        return response.status_code, self._parse(response)

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Return the JSON of a request; `request` are arguments of httpx2. Raise ApiError if the request fails."""
        return self._parse(self.request(method, path, **request))

    def request(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Return the response to a request. Raise ApiError if it fails, after the retries if it may be repeated."""
        return self.send_with_retries(
            lambda: self._http.request(method, path, **request),
            is_repeatable=method in _REPEATABLE_METHODS,
        )

    def check_key(self) -> None:
        """Raise ApiError if the hub rejects the key. Requests a batch that cannot exist, which needs a valid key."""
        response = self._explain_failure(lambda: self._http.get(f"/v1/batches/{UUID(int=0)}"))
        if response.status_code in _KEYLESS_STATUSES or response.is_redirect:
            check_status(response)

    def post_body(self, blocks: Iterator[bytes], headers: dict[str, str], cnpj: str | None = None) -> httpx2.Response:
        """Post a catalogue as a stream, once. Raise ApiError if the request fails."""
        query = {"cnpj": cnpj} if cnpj else {}
        return check_status(
            self._explain_failure(
                lambda: self._http.post(PRODUCTS_PATH, content=stream_blocks(blocks), headers=headers, params=query)
            )
        )

    def list_pages(self, path: str, **query: Any) -> Iterator[Page]:
        """Yield the pages of a listing, from the one at `cursor` on."""
        while True:
            page = Page(self.get(path, **query))
            yield page
            if not page.has_more:
                return
            query["cursor"] = page.next_cursor

    def list_all(self, path: str, **query: Any) -> Iterator[Any]:
        """Yield every item of a listing, page by page."""
        for page in self.list_pages(path, **query):
            for item in page:
                yield item

    def send_with_retries(
        self,
        send: Callable[[], httpx2.Response],
        *,
        is_repeatable: bool,
        listener: UploadListener | None = None,
    ) -> httpx2.Response:
        """Send until the hub accepts, or the failure lasts, or no retry is left. Raise ApiError then.

        A request that is not repeatable is sent again only if the hub refused it without doing anything.
        """
        for left in range(self._retries, 0, -1):
            try:
                return check_status(send())
            except ApiError as error:
                is_refused = error.status in _REFUSED_STATUSES and error.code  # without code a proxy may have answered
                if not (error.retryable if is_repeatable else is_refused):
                    raise
                failure = error
            except httpx2.TransportError as error:
                if not is_repeatable or not is_transient(error):
                    raise self._explain(error) from error
                failure = ApiError(f"The connection to {self.url} failed: {error or type(error).__name__}.")
            delay = retry_delay(self._retries - left + 1, failure.retry_after)
            if listener:
                listener.on_retry(failure, delay, left)
            sleep(delay)
        return check_status(self._explain_failure(send))

    def _explain_failure(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        try:
            return send()
        except httpx2.TransportError as error:
            raise self._explain(error) from error

    def _explain(self, error: httpx2.TransportError) -> ApiError:
        reason = run_here(unreachable, self.url, error)
        return ApiError(reason, code="unreachable", retryable=is_transient(error))

    def parse_batch(self, response: httpx2.Response) -> Row:
        """Return the batch that the response has. Raise ApiError if it has none: a proxy may have answered."""
        batch = self._parse(response)
        if not isinstance(batch, dict) or not isinstance(batch.get("batch_id"), str):
            raise self._unreadable("its answer has no batch")
        return batch

    def _parse(self, response: httpx2.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise self._unreadable(str(error)) from error

    def _unreadable(self, reason: str) -> ApiError:
        message = f"What answers at {self.url} is not IntegraHub: {reason}. Check the address."
        return ApiError(message, code="answer_unreadable")


def stream_blocks(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the blocks. Reading and compressing a block may take a while, so a thread does it."""
    try:
        while block := run_here(next, blocks, b""):
            yield block
    finally:
        with suppress(ValueError):  # a thread still reads
            getattr(blocks, "close", bool)()
