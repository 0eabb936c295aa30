"""Errors as pages: what happened, and what to do."""

from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.context import ConsoleContext
from integrahub.domain.errors import InvalidData, Problem, Transient
from integrahub.resilience.circuit_breaker import CircuitOpen

_RELOAD_AFTER_SECONDS = 5
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ErrorView:
    """What the page of an error shows; `message` is a sentence of the hub and `code` its code, or both are empty."""

    status: int
    message: str = ""
    code: str = ""
    retry_after: int | None = None


class ErrorPages:
    """Handlers of the exceptions that routes of the console raise."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    def install(self, app: FastAPI) -> None:
        """Add the handlers to the app."""
        app.add_exception_handler(Problem, self._render_problem)
        app.add_exception_handler(Transient, self._render_transient)
        app.add_exception_handler(InvalidData, self._render_invalid)
        app.add_exception_handler(RequestValidationError, self._render_invalid)
        app.add_exception_handler(HTTPException, self._render_http)
        app.add_exception_handler(Exception, self._render_unexpected)

    async def _render_problem(self, request: Request, error: Any) -> Response:
        sentence = self._console.renderer.sentence(request, error)
        response = self._page(request, ErrorView(error.status, sentence, error.code))
        response.headers.update(error.headers)
        return response

    async def _render_transient(self, request: Request, error: Exception) -> Response:
        _log.warning("dependency unavailable, page refused", action="serve", path=request.url.path, error=str(error))
        wait = int(error.retry_after) + 1 if isinstance(error, CircuitOpen) else _RELOAD_AFTER_SECONDS
        response = self._page(request, ErrorView(503, retry_after=wait))
        response.headers["Retry-After"] = str(wait)
        return response

    async def _render_invalid(self, request: Request, error: Exception) -> Response:
        return self._page(request, ErrorView(400))

    async def _render_http(self, request: Request, error: Any) -> Response:
        response = self._page(request, ErrorView(error.status_code))
        response.headers.update(error.headers or {})
        return response

    async def _render_unexpected(self, request: Request, error: Exception) -> Response:
        _log.error("page failed", action="serve", path=request.url.path, exc_info=error)
        return self._page(request, ErrorView(500))

    def _page(self, request: Request, view: ErrorView) -> Response:
        return self._console.page(request, "shell/error.html", view, status=view.status)
