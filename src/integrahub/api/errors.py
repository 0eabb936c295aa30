"""The one place that renders refusals: RFC 9457 problem+json with `error` and `message` for older clients."""

from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integrahub.domain.errors import Problem, Transient

_log = structlog.get_logger()


def render(status: int, error: str, message: str, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """A problem as old and new clients read it."""
    body = {
        "type": "about:blank",
        "title": error,
        "status": status,
        "detail": message,
        "error": error,
        "message": message,
        "errors": [],
        "trace_id": uuid4().hex,
    }
    return JSONResponse(body | members, status, headers, media_type="application/problem+json")


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return render(problem.status, problem.error, problem.message, problem.headers, **problem.members)


async def _transient(request: Request, fault: Exception) -> Response:
    _log.warning("a request could not be served", action="serve", path=request.url.path, error=str(fault))
    message = "Something the hub depends on does not answer just now. Nothing was taken in; send it again shortly."
    return render(503, "Service Unavailable", message, {"Retry-After": "5"})


async def _http(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    names = {404: "Not Found", 405: "Method Not Allowed"}
    message = f"{request.method} {request.url.path}: {fault.detail}. See /docs for what there is."
    return render(
        fault.status_code, names.get(fault.status_code, str(fault.detail)), message, dict(fault.headers or {})
    )


async def _invalid(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    errors = [{"field": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in fault.errors()]
    told = "; ".join(f"{e['field']}: {e['message']}" for e in errors)
    return render(400, "Bad Request", f"The request cannot be read: {told}.", errors=errors)


async def _unexpected(request: Request, fault: Exception) -> Response:
    _log.error("a request failed", action="serve", path=request.url.path, exc_info=fault)
    return render(500, "Internal Server Error", "The hub failed on this request; the operator finds why in the logs.")


def install(app: FastAPI) -> None:
    """Render every refusal and fault of the app."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Transient, _transient)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)
