"""The refusals in the OpenAPI document: one shape, told of every route that may give it."""

from typing import Any

from integrahub.api.auth.guarded_route import LEGACY_PATHS

SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "adminApiKey": {"type": "apiKey", "in": "header", "name": "X-Admin-Api-Key"},
}
_WORDS = ("type", "title", "detail", "error", "message", "message_pt", "message_en", "code", "trace_id")
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [*_WORDS, "status", "errors"],
    "properties": {name: {"type": "string"} for name in _WORDS}
    | {"status": {"type": "integer"}, "errors": {"type": "array", "items": {"type": "object"}}},
}
PROBLEM_RESPONSE: dict[str, Any] = {
    "headers": {"Content-Language": {"schema": {"type": "string", "enum": ["pt-BR", "en"]}}},
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
NOTICE_HEADER: dict[str, Any] = {
    "X-Inova-Notice": {"description": "names of the request that were ignored", "schema": {"type": "string"}}
}
_ALWAYS = {400: "The request cannot be read", 503: "A dependency is down; Retry-After says when to come again"}
_WITH_KEY = {401: "No key, or a wrong one", 403: "The key may not do this", 429: "Too many wrong keys of this address"}
_WITH_BODY = {408: "The body stopped coming", 413: "The body is over 64 kB"}
_NAMED = {404: "There is nothing by that name that this key may see"}
_CHANGES = {409: "It is not in a state in which this can be done"}


def add_problem_responses(paths: dict[str, Any]) -> dict[str, Any]:
    """The paths with what each operation may refuse."""
    for path, operations in paths.items():
        for verb, operation in operations.items():
            responses = operation["responses"]
            responses.pop("422", None)  # unreadable requests are 400 here
            if path in LEGACY_PATHS:
                responses["200"].setdefault("headers", {}).update(NOTICE_HEADER)
            for status, about in _refusals(path, verb, operation).items():
                responses.setdefault(str(status), {"description": about} | PROBLEM_RESPONSE)
    return paths


def _refusals(path: str, verb: str, operation: dict[str, Any]) -> dict[int, str]:
    told = dict(_ALWAYS)
    if operation.get("security") != []:
        told |= _WITH_KEY | _WITH_BODY
    if path.endswith("/errors"):
        told[410] = "The report was kept long enough and is removed"
    if "{" in path or path.startswith("/v1/products"):
        told |= _NAMED
    return told | (_CHANGES if verb != "get" else {})
