"""The order at every route but the catalogue's: the key and its scope first, then a small body, then the route."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from integrahub.api.auth.authentication import ScopeCheck
from integrahub.api.middleware.read_limits import ReadLimiter
from integrahub.api.timestamps import with_formatted_times
from integrahub.api.unknown_names import add_notice, reject_unknown_parameters
from integrahub.domain.api_keys import Scope
from integrahub.domain.errors import PayloadTooLarge, RequestTimeout

MAX_BODY_BYTES = 64 * 1024  # of every route but the catalogue's
_READS = ("GET", "HEAD")
# The older hub had these: its clients may send whatever was ignored there.
LEGACY = frozenset({"/v1/products", "/admin/pharmacies/api-key", "/admin/pharmacies/{cnpj}/api-key"})
Handle = Callable[[Request], Awaitable[Response]]


class RequestGuard:
    """Admit requests: authenticate, then read the body, at most MAX_BODY_BYTES of it within `patience` seconds.

    ReadLimiter of clients then have the bounds of `reads`.
    """

    def __init__(self, patience: float, reads: ReadLimiter) -> None:
        self._patience = patience
        self._reads = reads

    async def __call__(self, request: Request, check: ScopeCheck | None, handle: Handle) -> Response:
        """Return the route's answer. Problems: those of the key, 413 for a large body, 408 for a slow one."""
        if check is None:
            return await handle(request)
        caller = await check(request)
        request = await self._with_body(request)
        if request.method in _READS and not caller.may(Scope.VIEWER):
            return await self._reads(caller, request, handle)
        return await handle(request)

    async def _with_body(self, request: Request) -> Request:
        """Return the request with its body read; one that has none is returned as it is."""
        announced = request.headers.get("content-length", "")
        if announced in ("", "0") and "transfer-encoding" not in request.headers:
            return request
        if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
            raise _too_large()
        body = await self._take(request.stream())
        return Request(request.scope, _replay(body, request.receive))

    async def _take(self, blocks: AsyncIterator[bytes]) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._patience):
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
    """Return a `receive` that gives the body, then whatever the connection gives."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return left.pop() if left else await receive()

    return replayed


class AuthenticatedRoute(APIRoute):
    """A route whose key is checked before the framework reads the body: it would read and parse the body first."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, with_formatted_times(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the framework's handler behind the app's door."""
        handle = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            guard: RequestGuard = request.app.state.guard
            check = self._check()
            answer = await guard(request, check, self._known_names_only(handle) if check else handle)
            if self._is_legacy:
                add_notice(answer, "parameters", [name for name in request.query_params if name not in self._known])
            return answer

        return admitted

    def _known_names_only(self, handle: Handle) -> Handle:
        async def checked(request: Request) -> Response:
            if not self._is_legacy:
                reject_unknown_parameters(request, self._known)
            return await handle(request)

        return checked

    @property
    def _is_legacy(self) -> bool:
        return self.path in LEGACY

    @property
    def _known(self) -> set[str]:
        return {field.alias for field in self.dependant.query_params}

    def _check(self) -> ScopeCheck | None:
        calls = (dependency.call for dependency in self.dependant.dependencies)
        return next((call for call in calls if isinstance(call, ScopeCheck)), None)


class AuthenticatedRouter(APIRouter):
    """A router of such routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=AuthenticatedRoute, **options)
