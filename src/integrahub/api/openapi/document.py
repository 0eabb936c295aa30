"""What the OpenAPI document says beyond the routes: tags, descriptions by name, examples, headers, kinds of keys."""

from typing import Any

from integrahub.api.openapi.examples import PROBLEM_CODES, build_example, build_problem, restore_nulls
from integrahub.api.openapi.fields import FIELDS, PARAMETERS, TAGS

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


def complete_document(document: dict[str, Any]) -> None:
    """Add to the document what generators of clients need, and keep what a route or model says itself."""
    components = document["components"]["schemas"]
    for name in _UNUSED:
        components.pop(name, None)
    for schema in components.values():
        _describe_members(schema)
        if "examples" in schema:
            schema["examples"] = [restore_nulls(example, schema, components) for example in schema["examples"]]
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    refusals = {status: {"summary": code, "value": build_problem(status)} for status, code in PROBLEM_CODES.items()}
    document["components"]["examples"] = {_name_problem(status): example for status, example in refusals.items()}
    document["tags"] = TAGS
    document["servers"] = [{"url": "/", "description": "this hub"}]
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete_operation(operation, components)


def _describe_members(schema: dict[str, Any]) -> None:
    for name, member in schema.get("properties", {}).items():
        member.pop("title", None)
        if name in FIELDS:
            member.setdefault("description", FIELDS[name])


def _complete_operation(operation: dict[str, Any], components: dict[str, Any]) -> None:
    operation.setdefault("description", f"{operation['summary']}.")
    if "admin" in operation.get("tags", ()) and "security" not in operation:
        operation["security"] = _OPERATORS
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in PARAMETERS:
            parameter.setdefault("description", PARAMETERS[parameter["name"]])
    for status, response in operation["responses"].items():
        is_post = _INGEST_TAG in operation.get("tags", ())
        _complete_response(int(status), response, components, with_limits=is_post and status in ("202", "429"))
    bodies = operation.get("requestBody", {}).get("content", {})
    if "application/json" in bodies:
        _add_example(bodies["application/json"], components)


def _complete_response(status: int, response: dict[str, Any], components: dict[str, Any], *, with_limits: bool) -> None:
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
        if media_type == "application/problem+json":
            content[media_type]["examples"] = {"refused": {"$ref": f"#/components/examples/{_name_problem(status)}"}}
        elif media_type == "application/json":
            _add_example(content[media_type], components)
    if content:
        response["content"] = content


def _name_problem(status: int) -> str:
    return f"Problem{status}"


def _add_example(content: dict[str, Any], components: dict[str, Any]) -> None:
    if "example" not in content and "examples" not in content and content.get("schema"):
        content["example"] = build_example(content["schema"], components)
