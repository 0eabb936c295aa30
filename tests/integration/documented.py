"""Check of every refusal that a test gets: the OpenAPI document has its route, status and code."""

import re
from functools import cache
from typing import Any

import httpx2

from integrahub.api.app import build_openapi, create_app
from integrahub.hub.bootstrap import compose_hub
from integrahub.settings.model import Settings

_PROBLEM = "application/problem+json"
_OF_NO_OPERATION = {"route_not_found", "method_unknown"}


async def check_refusal(response: httpx2.Response) -> None:
    """Fail if the document lacks the code of a refusal. Failures of the hub (5xx) depend on no route."""
    if response.headers.get("Content-Type") != _PROBLEM or response.status_code >= 500:
        return
    body = await response.aread()
    code = response.json()["code"] if body else ""  # HEAD has no body
    if not code or code in _OF_NO_OPERATION:
        return
    method, status = response.request.method.lower(), str(response.status_code)
    operation = _find_operation(method, response.request.url.path)
    if operation:
        content = operation["responses"].get(status, {}).get("content", {}).get(_PROBLEM, {})
        where = f"{method} {response.request.url} {status}"
        assert code in content.get("examples", {}), f"{where}: add {code} to api/openapi/refusals.py"


def _find_operation(method: str, path: str) -> dict[str, Any] | None:
    fitting = [operations for pattern, operations in _by_precision() if re.fullmatch(pattern, path)]
    return fitting[0].get(method) if fitting else None


@cache
def _by_precision() -> list[tuple[str, dict[str, Any]]]:
    """Return the operations by the pattern of their path, those with the fewest parameters first."""
    hub = compose_hub(Settings())
    paths = build_openapi(create_app(hub, hub.ingest()))["paths"].items()
    ordered = sorted(paths, key=lambda entry: entry[0].count("{"))
    return [(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), operations) for path, operations in ordered]
