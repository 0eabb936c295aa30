"""OpenAPI document reduced to what clients depend on. Texts, examples and names of models are none of it."""

from collections.abc import Iterator
from typing import Any

#: Restrictions of a value that clients send.
BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern")
_REF = "#/components/schemas/"


def reduce_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return `operations` by `METHOD /path`, webhooks as `WEBHOOK name`, and the `schemas` that they refer to."""
    default = document.get("security", [])
    operations = {
        f"{verb.upper()} {path}": _reduce_operation(operation, default)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }
    for name, verbs in document.get("webhooks", {}).items():
        operations[f"WEBHOOK {name}"] = {"responses": {"event": _reduce_event(verbs["post"])}}
    described = document.get("components", {}).get("schemas", {})
    schemas = {name: reduce_schema(schema) for name, schema in described.items()}
    return {"operations": operations, "schemas": find_reachable(operations, schemas)}


def _reduce_operation(operation: dict[str, Any], default: list[dict[str, Any]]) -> dict[str, Any]:
    reduced: dict[str, Any] = {
        "keys": sorted(name for option in operation.get("security", default) for name in option),
        "parameters": {
            f"{parameter['in']} {parameter['name']}": {
                "required": parameter.get("required", False),
                "schema": reduce_schema(parameter["schema"]),
            }
            for parameter in operation.get("parameters", ())
        },
        "responses": {status: _reduce_response(response) for status, response in operation["responses"].items()},
    }
    if body := operation.get("requestBody"):
        reduced["body"] = {"required": body.get("required", False), "content": _reduce_content(body)}
    return reduced


def _reduce_response(response: dict[str, Any]) -> dict[str, Any]:
    headers = response.get("headers", {})
    return {
        "headers": {name: reduce_schema(header["schema"]) for name, header in headers.items()},
        "content": _reduce_content(response),
    }


def _reduce_event(operation: dict[str, Any]) -> dict[str, Any]:
    """Return a webhook as a response: clients read its body and headers."""
    headers = {parameter["name"]: reduce_schema(parameter["schema"]) for parameter in operation["parameters"]}
    return {"headers": headers, "content": _reduce_content(operation["requestBody"])}


def _reduce_content(body: dict[str, Any]) -> dict[str, Any]:
    return {kind: reduce_schema(content.get("schema", {})) for kind, content in body.get("content", {}).items()}


def reduce_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with `ref`, `any` (alternatives), or a type and what it restricts; `{}` is any value."""
    if "$ref" in schema:
        return {"ref": schema["$ref"].removeprefix(_REF)}
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return {"any": [reduce_schema(each) for each in alternatives]}
    if isinstance(kinds := schema.get("type"), list):
        return {"any": [reduce_schema(schema | {"type": kind}) for kind in kinds]}
    reduced = {name: schema[name] for name in ("type", "format", *BOUNDS) if name in schema}
    if "const" in schema or "enum" in schema:
        reduced["enum"] = sorted(schema["enum"] if "enum" in schema else [schema["const"]], key=repr)
    if "properties" in schema:
        reduced["members"] = {name: reduce_schema(member) for name, member in schema["properties"].items()}
        reduced["required"] = sorted(schema.get("required", ()))
    if "items" in schema:
        reduced["items"] = reduce_schema(schema["items"])
    if isinstance(values := schema.get("additionalProperties"), dict):
        reduced["values"] = reduce_schema(values)
    elif values is False:
        reduced["closed"] = True
    return reduced


def find_reachable(operations: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that operations refer to, directly or through other schemas."""
    names: set[str] = set()
    waiting = set(_refs(operations))
    while waiting:
        name = waiting.pop()
        names.add(name)
        waiting |= set(_refs(schemas[name])) - names
    return {name: schemas[name] for name in sorted(names)}


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("ref"), str):
            yield value["ref"]
        for each in value.values():
            yield from _refs(each)
    elif isinstance(value, list):
        for each in value:
            yield from _refs(each)
