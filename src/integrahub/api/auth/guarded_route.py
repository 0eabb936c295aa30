"""Routes that check the key and its scope before the body is read. All routes but the ingest route use them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from integrahub.api.auth.authentication import ScopeCheck
from integrahub.api.conditional import make_conditional
from integrahub.api.middleware.read_limits import ReadLimiter
from integrahub.api.unknown_names import add_ignored_notice, reject_unknown_parameters
from integrahub.domain.api_keys import Scope
from integrahub.domain.errors import PayloadTooLarge, RequestTimeout

MAX_BODY_BYTES = 64 * 1024
_READ_METHODS = ("GET", "HEAD")
# Clients of the older hub send parameters to these paths that it ignored.
LEGACY_PATHS = frozenset({"/v1/products", "/admin/pharmacies/api-key", "/admin/pharmacies/{cnpj}/api-key"})
Handle = Callable[[Request], Awaitable[Response]]


class RequestGuard:
    """Authenticate a request, then read its body: at most MAX_BODY_BYTES within `body_timeout` seconds.

    Requests of clients also pass the limits of `reads`; those of operators do not.
    """

    def __init__(self, body_timeout: float, reads: ReadLimiter) -> None:
        self._body_timeout = body_timeout
        self._reads = reads

    async def __call__(self, request: Request, check: ScopeCheck | None, handle: Handle) -> Response:
        """Return the route's answer. Raise what the check raises, 413 for a large body, 408 for a slow one."""
        if check is None:
            return await handle(request)
        caller = await check(request)
        request = await self._with_body(request)
        is_read = request.method in _READ_METHODS
        if caller.can(Scope.VIEWER):
            return await (self._reads.unlimited(request, handle) if is_read else handle(request))
        admit = self._reads if is_read else self._reads.change
        return await admit(caller, request, handle)

    async def _with_body(self, request: Request) -> Request:
        """Return a request whose body is in memory; one without a body is returned unchanged."""
        content_length = request.headers.get("content-length", "")
        if content_length in ("", "0") and "transfer-encoding" not in request.headers:
            return request
        if content_length.isdecimal() and int(content_length) > MAX_BODY_BYTES:
            raise _too_large()
        body = await self._read(request.stream())
        return Request(request.scope, _replay(body, request.receive))

    async def _read(self, blocks: AsyncIterator[bytes]) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_timeout):
                async for block in blocks:
                    body += block
                    if len(body) > MAX_BODY_BYTES:
                        raise _too_large()
        except TimeoutError:
            raise RequestTimeout("body_timeout", received=len(body)) from None
        return bytes(body)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge("request_too_large", {"limit": MAX_BODY_BYTES}, limit=MAX_BODY_BYTES)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields the body first, then the messages of the connection."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_body_first() -> Message:
        return messages.pop() if messages else await receive()

    return receive_body_first


class AuthenticatedRoute(APIRoute):
    """Route whose key is checked first: FastAPI alone would read and parse the body before it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, called only after the app's RequestGuard admitted the request."""
        handle = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            guard: RequestGuard = request.app.state.guard
            check = self._check()
            answer = await guard(request, check, self._answer_by_key(handle) if check else handle)
            if self._is_legacy:
                add_ignored_notice(
                    answer, "parameters", [name for name in request.query_params if name not in self._parameters]
                )
            return answer

        return admitted

    def _answer_by_key(self, handle: Handle) -> Handle:
        """Return the handler of a request with a key: it refuses unknown parameters, and answers 304 where it can."""

        async def checked(request: Request) -> Response:
            if not self._is_legacy:
                reject_unknown_parameters(request, self._parameters)
            return make_conditional(request, await handle(request))

        return checked

    @property
    def _is_legacy(self) -> bool:
        return self.path in LEGACY_PATHS

    @property
    def _parameters(self) -> set[str]:
        return {field.alias for field in self.dependant.query_params}

    def _check(self) -> ScopeCheck | None:
        calls = (dependency.call for dependency in self.dependant.dependencies)
        return next((call for call in calls if isinstance(call, ScopeCheck)), None)


class AuthenticatedRouter(APIRouter):
    """Router whose routes are AuthenticatedRoutes. A route without a ScopeCheck dependency is public."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=AuthenticatedRoute, **options)
