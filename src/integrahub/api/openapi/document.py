"""What the OpenAPI document says beyond the routes: tags, descriptions by name, examples, headers, kinds of keys."""

from collections.abc import Iterator
from typing import Any

import msgspec

from integrahub.api.openapi.examples import Examples, build_problem, name_keys
from integrahub.api.openapi.fields import FIELDS, PARAMETERS, TAGS
from integrahub.api.openapi.refusals import list_codes
from integrahub.domain.dialects.base import KeyNames

_UNUSED = ("HTTPValidationError", "ValidationError")  # FastAPI's own, which the hub replaces
_OPERATORS: list[dict[str, list[str]]] = [{"bearer": []}, {"adminApiKey": []}]
_SECONDS = {"schema": {"type": "integer", "minimum": 1}, "description": "seconds after which to try again"}
_LIMIT_HEADERS: dict[str, Any] = {
    "RateLimit-Policy": {"schema": {"type": "string"}, "description": "the limit (IETF draft)"},
    "RateLimit": {"schema": {"type": "string"}, "description": "what is left of it (IETF draft)"},
    "X-RateLimit-Limit": {"schema": {"type": "integer"}, "description": "posts per window"},
    "X-RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "posts left in the window"},
    "X-RateLimit-Reset": {"schema": {"type": "integer"}, "description": "seconds until the window ends"},
}
_INGEST_TAG = "ingest"
_PROBLEM, _NDJSON = "application/problem+json", "application/x-ndjson"


def complete_document(document: dict[str, Any], keys: KeyNames) -> None:
    """Add to the document what generators of clients need, and keep what a route or model says itself.

    `keys` are those of the records that clients post.
    """
    components = document["components"]["schemas"]
    examples = Examples(components, name_keys(keys))
    for name in _UNUSED:
        components.pop(name, None)
    for schema in components.values():
        _describe_members(schema)
        if "examples" in schema:
            schema["examples"] = [examples.restore(example, schema) for example in schema["examples"]]
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document["tags"] = TAGS
    document["servers"] = [{"url": "/", "description": "this hub"}]
    refused: set[str] = set()
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            _complete_operation(operation, examples)
            refused.update(_add_refusals(verb, path, operation))
    document["components"]["examples"] = {code: {"value": build_problem(code)} for code in sorted(refused)}


def _describe_members(schema: dict[str, Any]) -> None:
    for name, member in schema.get("properties", {}).items():
        member.pop("title", None)
        if name in FIELDS:
            member.setdefault("description", FIELDS[name])


def _complete_operation(operation: dict[str, Any], examples: Examples) -> None:
    operation.setdefault("description", f"{operation['summary']}.")
    if "admin" in operation.get("tags", ()) and "security" not in operation:
        operation["security"] = _OPERATORS
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in PARAMETERS:
            parameter.setdefault("description", PARAMETERS[parameter["name"]])
    for status, response in operation["responses"].items():
        is_post = _INGEST_TAG in operation.get("tags", ())
        _complete_response(int(status), response, examples, with_limits=is_post and status in ("202", "429"))
    bodies = operation.get("requestBody", {}).get("content", {})
    if "application/json" in bodies:
        _add_example(bodies["application/json"], examples)
    _add_lines(bodies)


def _add_refusals(verb: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    """Add to each refusal an example for each of its codes, and yield the codes."""
    codes = list_codes(verb, path, operation)
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if _PROBLEM in content:
            references = {code: {"$ref": f"#/components/examples/{code}"} for code in codes[int(status)]}
            response["content"] = content | {_PROBLEM: content[_PROBLEM] | {"examples": references}}
            yield from references


def _complete_response(status: int, response: dict[str, Any], examples: Examples, *, with_limits: bool) -> None:
    headers = dict(response.get("headers", {}))
    if status in (429, 503):
        headers["Retry-After"] = _SECONDS
    if with_limits:
        headers |= _LIMIT_HEADERS
    if headers:
        response["headers"] = headers
    content = dict(response.get("content", {}))
    for media_type, answer in content.items():
        content[media_type] = dict(answer)
        if media_type == "application/json":
            _add_example(content[media_type], examples)
    _add_lines(content)
    if content:
        response["content"] = content


def _add_lines(content: dict[str, Any]) -> None:
    """Add the example of NDJSON: the same rows as in that of JSON, each on a line."""
    if _NDJSON in content:
        example = content["application/json"]["example"]
        rows = example["items"] if isinstance(example, dict) else example
        lines = "".join(msgspec.json.encode(row).decode() + "\n" for row in rows)
        content[_NDJSON] = content[_NDJSON] | {"example": lines}


def _add_example(content: dict[str, Any], examples: Examples) -> None:
    if "example" not in content and "examples" not in content and content.get("schema"):
        content["example"] = examples.build(content["schema"])
