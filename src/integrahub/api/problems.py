"""The one place that renders refusals: RFC 9457 problem+json with `error` and `message` for older clients."""

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

_SHORTLY = 5.0  # seconds
_log = structlog.get_logger()


def render(
    request: Request, status: int, error: str, code: str, members: Mapping[str, Any] | None = None, /, **facts: Any
) -> Response:
    """A problem as old and new clients read it, its `message` in the language the request prefers."""
    told = render_message(code, facts)
    request.scope["refusal"] = code  # for the log
    language = language_of(request)
    body = problem_body(status, error, code, told, language, tracing.current_trace_id())
    answer = JSONResponse(body | dict(members or {}), status, media_type=MEDIA_TYPE)
    set_language_headers(answer, language)
    return answer


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    ERRORS.add("ingest", problem.code)
    answer = render(request, problem.status, problem.error, problem.code, problem.members, **problem.facts)
    answer.headers.update(problem.headers)
    return answer


async def _transient(request: Request, fault: Exception) -> Response:
    ERRORS.add("ingest", classify_error(fault))
    _log.warning("a request could not be served", action="serve", path=request.url.path, error=str(fault))
    wait = math.ceil(fault.retry_after if isinstance(fault, CircuitOpen) else _SHORTLY)
    answer = render(request, 503, "Service Unavailable", "dependency_unavailable", wait=wait)
    answer.headers["Retry-After"] = str(wait)
    return answer


async def _http(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    error = HTTPStatus(fault.status_code).phrase
    facts = {"method": request.method, "path": request.url.path}
    if fault.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = ", ".join(allowed_methods(request))
        answer = render(request, fault.status_code, error, "method_unknown", allowed=methods, **facts)
        answer.headers["Allow"] = methods
        return answer
    if fault.status_code == HTTPStatus.NOT_FOUND:
        return render(request, fault.status_code, error, "route_not_found", **facts)
    # The framework could not read the body.
    return render(request, fault.status_code, error, "request_unreadable", reason=FIELD_MESSAGES["json_invalid"])


async def _invalid(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    found = [(".".join(map(str, e["loc"])), describe_error(e["type"], e.get("ctx", {}))) for e in fault.errors()]
    language = language_of(request)
    errors = [
        {"field": field, "message": told.in_language(language), "message_pt": told.pt, "message_en": told.en}
        for field, told in found
    ]
    told = Message(*("; ".join(f"{field}: {told[place]}" for field, told in found) for place in (0, 1)))
    return render(request, 400, "Bad Request", "request_unreadable", {"errors": errors}, reason=told)


async def _unfit(request: Request, fault: Exception) -> Response:
    return render(request, 400, "Bad Request", "value_invalid")


async def _gone(request: Request, fault: Exception) -> Response:
    _log.info("a client went away before its request ended", action="serve", path=request.url.path)
    return Response(status_code=499)  # nobody reads it


async def _unexpected(request: Request, fault: Exception) -> Response:
    ERRORS.add("ingest", classify_error(fault))
    _log.error("a request failed", action="serve", path=request.url.path, exc_info=fault)
    return render(request, 500, "Internal Server Error", "internal_error")


_ANSWERS: dict[type[Exception], Any] = {
    Problem: _problem,
    Transient: _transient,
    ClientDisconnect: _gone,
    InvalidData: _unfit,
    HTTPException: _http,
    RequestValidationError: _invalid,
    Exception: _unexpected,
}


async def render_exception(request: Request, fault: Exception) -> Response:
    """What a request is told that ended in a fault."""
    answer = next(_ANSWERS[kind] for kind in type(fault).__mro__ if kind in _ANSWERS)
    response: Response = await answer(request, fault)
    return response


def install_handlers(app: FastAPI) -> None:
    """Render every refusal and fault of the app."""
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, answer)
