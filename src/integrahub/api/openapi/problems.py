"""Problem answers in the OpenAPI document: one schema, and the statuses that each route may answer."""

from typing import Any

from integrahub.api.auth.guarded_route import LEGACY_PATHS
from integrahub.api.openapi.refusals import list_codes
from integrahub.domain.messages.catalog import MESSAGES
from integrahub.domain.messages.statuses import status_of

SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "adminApiKey": {"type": "apiKey", "in": "header", "name": "X-Admin-Api-Key"},
}
CLIENT_SECURITY = ("bearer", "apiKey")
_TEXTS = ("type", "title", "detail", "error", "message", "message_pt", "message_en", "code", "trace_id")
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [*_TEXTS, "status", "errors"],
    "description": "A refusal (RFC 9457). `type` is the address of its explanation.",
    "properties": {name: {"type": "string"} for name in _TEXTS}
    | {"code": {"type": "string", "enum": sorted(code for code in MESSAGES if status_of(code))}}
    | {"status": {"type": "integer"}, "errors": {"type": "array", "items": {"type": "object"}}},
}
PROBLEM_RESPONSE: dict[str, Any] = {
    "headers": {"Content-Language": {"schema": {"type": "string", "enum": ["pt-BR", "en"]}}},
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
NOTICE_HEADER: dict[str, Any] = {
    "X-Inova-Notice": {"description": "unknown names in the request that were ignored", "schema": {"type": "string"}}
}
TAG_HEADERS: dict[str, Any] = {
    "ETag": {
        "description": "tag of this answer; sent back as `If-None-Match`, it gets 304 while the answer is the same",
        "schema": {"type": "string"},
    }
}
_NOT_MODIFIED: dict[str, Any] = {"description": "The answer with the tag in `If-None-Match` is current"}
_ALWAYS = {400: "The request cannot be read", 503: "A dependency is unavailable; try again after Retry-After"}
_WITH_KEY = {
    401: "The key is missing or not valid",
    403: "The key lacks the scope",
    429: "This address sent too many wrong keys",
}
_WITH_BODY = {408: "The body stopped arriving", 413: "The body is over 64 kB"}
_WITH_NAME = {404: "It does not exist among what this key can see"}
_WITHOUT_RECEIPT = {409: "This hub signs no receipts, or the batch is not a post"}
_CHANGES = {409: "Its state does not allow this"}
_WEBHOOKS = ("/v1/webhook", "/admin/webhook")


def add_problem_responses(paths: dict[str, Any]) -> dict[str, Any]:
    """Add to each operation the problems that it may answer, and return the paths."""
    for path, operations in paths.items():
        for verb, operation in operations.items():
            responses = operation["responses"]
            responses.pop("422", None)  # requests that FastAPI cannot validate are answered 400
            if path in LEGACY_PATHS:
                responses["200"].setdefault("headers", {}).update(NOTICE_HEADER)
            if verb == "get" and operation.get("security") != []:
                responses["200"].setdefault("headers", {}).update(TAG_HEADERS)
                responses["304"] = _NOT_MODIFIED
            codes = list_codes(verb, path, operation)
            for status, description in _problems(path, verb, operation).items():
                if status in codes:
                    responses.setdefault(str(status), {"description": description} | PROBLEM_RESPONSE)
    return paths


def _problems(path: str, verb: str, operation: dict[str, Any]) -> dict[int, str]:
    problems = dict(_ALWAYS)
    if operation.get("security") != []:
        problems |= _WITH_KEY | _WITH_BODY
    if path == "/metrics":  # it needs a key if others reach the hub
        problems |= _WITH_KEY
    if path.endswith(("/errors", "/rejected")):
        problems[410] = "The report is past its retention and was removed"
    if path.endswith("/receipt"):
        problems |= _WITHOUT_RECEIPT
    if path.startswith("/v1/batches/") and path.endswith(("/changes", "/deactivation/products")):
        problems[409] = "The batch is not final, or the hub does not record values"
        problems[410] = "The changes are past their retention and were deleted"
    if path == "/v1/products/changes":
        problems[410] = "The cursor is older than the record of changes; start again without it"
    if path.endswith("/history"):
        problems |= _CHANGES
    if "{" in path or path.startswith(("/v1/products", *_WEBHOOKS)):
        problems |= _WITH_NAME
    return problems | (_CHANGES if verb != "get" or path.startswith(_WEBHOOKS) else {})
