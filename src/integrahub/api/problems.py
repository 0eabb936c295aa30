"""Exception handlers: the one place that renders errors as problem+json (RFC 9457)."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from integrahub.api.language import language_of, set_language_headers
from integrahub.api.middleware.methods import allowed_methods
from integrahub.api.problem_body import MEDIA_TYPE, problem_body
from integrahub.domain.errors import InvalidData, Problem, Transient
from integrahub.domain.failures import classify_error
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.messages.fields import FIELD_MESSAGES, describe_error
from integrahub.domain.messages.message import Message
from integrahub.resilience.circuit_breaker import CircuitOpen
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.pipeline import ERRORS

_RETRY_AFTER_SECONDS = 5.0
_CLIENT_CLOSED_REQUEST = 499  # nginx's status; no client reads it
_log = structlog.get_logger()


def render_problem(
    request: Request, status: int, error: str, code: str, members: Mapping[str, Any] | None = None, /, **facts: Any
) -> Response:
    """Return the problem with this code, its `message` in the language that the request prefers."""
    message = render_message(code, facts)
    request.scope["refusal"] = code  # for the log
    language = language_of(request)
    body = problem_body(status, error, code, message, language, tracing.current_trace_id())
    response = JSONResponse(body | dict(members or {}), status, media_type=MEDIA_TYPE)
    set_language_headers(response, language)
    return response


async def _render_known(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    ERRORS.add("ingest", problem.code)
    response = render_problem(request, problem.status, problem.error, problem.code, problem.members, **problem.facts)
    response.headers.update(problem.headers)
    return response


async def _render_transient(request: Request, error: Exception) -> Response:
    ERRORS.add("ingest", classify_error(error))
    _log.warning("dependency unavailable, request refused", action="serve", path=request.url.path, error=str(error))
    wait = math.ceil(error.retry_after if isinstance(error, CircuitOpen) else _RETRY_AFTER_SECONDS)
    response = render_problem(request, 503, "Service Unavailable", "dependency_unavailable", wait=wait)
    response.headers["Retry-After"] = str(wait)
    return response


async def _render_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    facts = {"method": request.method, "path": request.url.path}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = ", ".join(allowed_methods(request))
        response = render_problem(request, error.status_code, phrase, "method_unknown", allowed=methods, **facts)
        response.headers["Allow"] = methods
        return response
    if error.status_code == HTTPStatus.NOT_FOUND:
        return render_problem(request, error.status_code, phrase, "route_not_found", **facts)
    # FastAPI could not read the body.
    reason = FIELD_MESSAGES["json_invalid"]
    return render_problem(request, error.status_code, phrase, "request_unreadable", reason=reason)


async def _render_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [(".".join(map(str, e["loc"])), describe_error(e["type"], e.get("ctx", {}))) for e in error.errors()]
    language = language_of(request)
    errors = [
        {"field": field, "message": text.in_language(language), "message_pt": text.pt, "message_en": text.en}
        for field, text in fields
    ]
    reason = Message(
        "; ".join(f"{field}: {text.pt}" for field, text in fields),
        "; ".join(f"{field}: {text.en}" for field, text in fields),
    )
    return render_problem(request, 400, "Bad Request", "request_unreadable", {"errors": errors}, reason=reason)


async def _render_invalid_data(request: Request, error: Exception) -> Response:
    return render_problem(request, 400, "Bad Request", "value_invalid")


async def _render_disconnect(request: Request, error: Exception) -> Response:
    _log.info("client disconnected before its request ended", action="serve", path=request.url.path)
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def _render_unexpected(request: Request, error: Exception) -> Response:
    ERRORS.add("ingest", classify_error(error))
    _log.error("request failed", action="serve", path=request.url.path, exc_info=error)
    return render_problem(request, 500, "Internal Server Error", "internal_error")


_HANDLERS: dict[type[Exception], Any] = {
    Problem: _render_known,
    Transient: _render_transient,
    ClientDisconnect: _render_disconnect,
    InvalidData: _render_invalid_data,
    HTTPException: _render_http,
    RequestValidationError: _render_invalid,
    Exception: _render_unexpected,
}


async def render_exception(request: Request, error: Exception) -> Response:
    """Return the answer to a request that raised `error`."""
    handler = next(_HANDLERS[kind] for kind in type(error).__mro__ if kind in _HANDLERS)
    response: Response = await handler(request, error)
    return response


def install_handlers(app: FastAPI) -> None:
    """Add the handlers to the app."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
