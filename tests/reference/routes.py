"""Every route with its parameters, who may call it, its answers, and every code of refusal."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from integrahub.api.app import build_openapi, create_app
from integrahub.hub.bootstrap import compose_hub
from integrahub.settings.model import Settings
from tests.reference.parts import code, list_codes, to_table
from tests.reference.translations import Translate

_PROBLEM = "application/problem+json"
_CALLERS = {"admin": "For an operator's key.", "none": "For anyone.", "key": "For a key."}


@cache
def load_document() -> dict[str, Any]:
    """Return the OpenAPI document of a hub without a database."""
    hub = compose_hub(Settings())
    document: dict[str, Any] = build_openapi(create_app(hub, hub.ingest()))
    return document


def list_operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield verb, path and description of each operation, by tag."""
    paths = load_document()["paths"]
    every = [(verb.upper(), path, operation) for path, verbs in paths.items() for verb, operation in verbs.items()]
    tags = [tag["name"] for tag in load_document()["tags"]]
    yield from sorted(every, key=lambda found: tags.index(found[2]["tags"][0]))


def render(text: Translate) -> str:
    """Return a section for each operation."""
    return "\n\n".join(_section(*operation, text) for operation in list_operations())


def _section(verb: str, path: str, operation: dict[str, Any], text: Translate) -> str:
    parts = [f"### {verb} {path}", f"{text(operation['summary'])}. {text(_caller(operation))}"]
    if parameters := operation.get("parameters"):
        head = map(text, ("parameter", "in", "required", "meaning"))
        parts.append(to_table(head, (_parameter(parameter, text) for parameter in parameters)))
    if body := operation.get("requestBody"):
        parts.append(text("Body: {types}.").format(types=list_codes(body["content"])))
    parts.append(to_table(map(text, ("status", "meaning", "codes")), _answers(operation["responses"], text)))
    return "\n\n".join(parts)


def _caller(operation: dict[str, Any]) -> str:
    if operation.get("security") == []:
        return _CALLERS["none"]
    return _CALLERS["admin" if "admin" in operation["tags"] else "key"]


def _parameter(parameter: dict[str, Any], text: Translate) -> tuple[str, str, str, str]:
    schema = parameter.get("schema", {})
    values = schema.get("enum") or next((one["enum"] for one in schema.get("anyOf", ()) if "enum" in one), ())
    meaning = "; ".join(filter(None, [text(parameter.get("description", "")), list_codes(values)]))
    return code(parameter["name"]), text(parameter["in"]), text("yes") if parameter.get("required") else "", meaning


def _answers(responses: dict[str, Any], text: Translate) -> Iterator[tuple[str, str, str]]:
    for status, response in sorted(responses.items()):
        examples = response.get("content", {}).get(_PROBLEM, {}).get("examples", {})
        links = ", ".join(f"[`{name}`]({text('errors.md')}#{name})" for name in examples)
        yield str(status), text(response["description"].replace("Successful Response", "the answer")), links
