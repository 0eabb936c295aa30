"""Sender of webhooks: one POST to a checked address, within a time limit, without redirects or proxies."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter

import httpx2

from integrahub.domain.errors import BadRequest
from integrahub.domain.untrusted_text import escape_controls
from integrahub.domain.webhooks.outcomes import Outcome, classify_status
from integrahub.domain.webhooks.schedule import read_retry_after

ATTEMPT_TIMEOUT_SECONDS = 15.0
_ADDRESS_TIMEOUT_SECONDS = 5.0  # per address, so that a second address gets its try
_EXCERPT_TIMEOUT_SECONDS = 2.0  # the answer counts by its head; a body that hangs must not keep the place
EXCERPT_BYTES = 256
#: Resolve a host and port to the addresses that may be connected to. Raises BadRequest if one of them may not.
Resolve = Callable[[str, int], Awaitable[list[str]]]


class WebhookSender:
    """Send webhooks. Each attempt resolves the host again and connects to an address that was checked.

    Each attempt has its own connection: a kept one could lead to another receiver behind the same address, and a
    pool of hundreds of connections costs more than it saves.
    """

    def __init__(self, resolve: Resolve, tls: ssl.SSLContext | None = None) -> None:
        self._resolve = resolve
        self._tls = tls or httpx2.create_ssl_context()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """POST a body to a URL and return the outcome. Only a cancellation is raised."""
        started = perf_counter()
        status, error, excerpt, retry_after = None, None, None, None
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_SECONDS), self._transport() as transport:
                response = await self._post(transport, httpx2.URL(url), headers, body)
                try:
                    status = response.status_code
                    error = classify_status(status)
                    retry_after = read_retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
                    excerpt = await _read_excerpt(response)
                finally:
                    await response.aclose()
        except Exception as raised:
            if status is None:  # an answer counts by its head, however its body ends
                error = _code_of(raised)
        milliseconds = round((perf_counter() - started) * 1000)
        return Outcome(milliseconds, status, error, excerpt, retry_after)

    def _transport(self) -> httpx2.AsyncHTTPTransport:
        return httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False)

    async def _post(
        self, transport: httpx2.AsyncHTTPTransport, url: httpx2.URL, headers: Mapping[str, str], body: bytes
    ) -> httpx2.Response:
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._resolve(url.raw_host.decode(), port)
        for address in addresses[:-1]:
            try:
                return await transport.handle_async_request(_build_request(address, url, headers, body))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await transport.handle_async_request(_build_request(addresses[-1], url, headers, body))


def _build_request(address: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes) -> httpx2.Request:
    return httpx2.Request(
        "POST",
        url.copy_with(host=address),
        headers={**headers, "Host": url.netloc.decode(), "Accept-Encoding": "identity"},
        content=body,
        extensions={
            "timeout": {"connect": _ADDRESS_TIMEOUT_SECONDS, "read": None, "write": None, "pool": None},
            "sni_hostname": url.raw_host.decode(),  # the certificate must be for the name, not for the address
        },
    )


async def _read_excerpt(response: httpx2.Response) -> str:
    """Return the beginning of an answer, readable and without control characters."""
    content = b""
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_EXCERPT_TIMEOUT_SECONDS):
            async for block in response.aiter_raw():
                content += block[: EXCERPT_BYTES - len(content)]
                if len(content) >= EXCERPT_BYTES:
                    break
    return escape_controls(content.decode("utf-8", "replace"))


def _code_of(error: Exception) -> str:
    """Return the code of what failed before there was an answer."""
    if isinstance(error, BadRequest):
        return error.code
    if isinstance(error, TimeoutError | httpx2.ReadTimeout | httpx2.WriteTimeout):
        return "timed_out"
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return "tls_failed" if isinstance(_root_of(error), ssl.SSLError) else "connect_failed"
    if isinstance(error, httpx2.ProtocolError | httpx2.NetworkError):
        return "connection_lost"
    return "send_failed"


def _root_of(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error
