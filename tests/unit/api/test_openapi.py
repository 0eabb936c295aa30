"""The OpenAPI document says what generators of clients need: descriptions, examples that fit, codes, kinds of keys."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from integrahub.api.app import build_openapi, create_app
from integrahub.api.openapi.refusals import BY_PATTERN
from integrahub.domain.messages.catalog import MESSAGES
from integrahub.domain.messages.console import CONSOLE_MESSAGES
from integrahub.domain.messages.statuses import status_of
from integrahub.hub.bootstrap import compose_hub
from integrahub.settings.model import Settings

# Codes of requests that reach no operation, of failures, and of the command line.
_OF_NO_OPERATION = {
    *CONSOLE_MESSAGES,
    *("http_unreadable", "head_slow", "head_too_large", "method_unknown", "route_not_found"),
    *("internal_error", "verify_nothing"),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    hub = compose_hub(Settings())
    return build_openapi(create_app(hub, hub.ingest()))


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            yield f"{verb} {path}", operation


def _contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield place, media type and content of every body."""
    for place, operation in _operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield place, media_type, content
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                yield f"{place} {status}", media_type, content


def test_every_member_and_parameter_is_described(document: dict[str, Any]) -> None:
    members = {
        f"{name}.{member}"
        for name, schema in document["components"]["schemas"].items()
        for member, described in schema.get("properties", {}).items()
        if not described.get("description")
    }
    assert members == set(), "describe them in their model, or in api/openapi/fields.py"
    parameters = {
        f"{place} {parameter['name']}"
        for place, operation in _operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    }
    assert parameters == set(), "describe them at the route, or in api/openapi/fields.py"
    assert {place for place, operation in _operations(document) if not operation.get("description")} == set()


def test_every_answer_and_refusal_has_an_example_that_its_schema_describes(document: dict[str, Any]) -> None:
    validator = Draft202012Validator(document, format_checker=jsonschema.FormatChecker())
    bare, wrong, checked = set(), {}, 0
    for place, media_type, content in _contents(document):
        examples = [content["example"]] if "example" in content else []
        for named in content.get("examples", {}).values():
            name = named.get("$ref", "").rpartition("/")[2]
            examples.append(document["components"]["examples"][name]["value"] if name else named["value"])
        if not examples:
            bare.add(f"{place} {media_type}")
        for example in examples:
            checked += 1
            schema = content.get("schema", {}) | {"components": document["components"]}
            if errors := [error.message for error in validator.evolve(schema=schema).iter_errors(example)]:
                wrong[place] = errors[:2]
    assert (bare, wrong) == (set(), {}) and checked > 200


def test_the_examples_of_models_fit_their_schemas(document: dict[str, Any]) -> None:
    validator, schemas = Draft202012Validator(document), document["components"]["schemas"]
    wrong = {
        name: error.message
        for name, schema in schemas.items()
        for example in schema.get("examples", ())
        for error in validator.evolve(schema=schema | {"components": document["components"]}).iter_errors(example)
    }
    assert wrong == {}


def test_the_codes_of_refusals_are_an_enumeration(document: dict[str, Any]) -> None:
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert set(codes) == {code for code in MESSAGES if status_of(code)}


def test_each_refusal_has_an_example_for_each_code_in_both_languages(document: dict[str, Any]) -> None:
    seen = set()
    for place, media_type, content in _contents(document):
        if media_type == "application/problem+json":
            assert content["examples"], place
            seen |= content["examples"].keys()
            for code, example in content["examples"].items():
                name = example["$ref"].removeprefix("#/components/examples/")
                problem = document["components"]["examples"][name]["value"]
                assert (name, problem["code"]) == (code, code)
                assert problem["status"] == status_of(code) == int(place.rpartition(" ")[2]), place
                assert problem["message_en"] and problem["message_pt"] != problem["message_en"], code
    assert seen == {code for code in MESSAGES if status_of(code)} - _OF_NO_OPERATION, "see api/openapi/refusals.py"


def test_each_pattern_of_refusals_is_that_of_an_operation(document: dict[str, Any]) -> None:
    places = [place for place, _ in _operations(document)]
    assert [pattern for pattern, _ in BY_PATTERN if not any(re.match(pattern, place) for place in places)] == []


def test_refusals_that_may_pass_say_when_to_try_again(document: dict[str, Any]) -> None:
    without = {
        f"{place} {status}"
        for place, operation in _operations(document)
        for status in ("429", "503")
        if status in operation["responses"] and "Retry-After" not in operation["responses"][status]["headers"]
    }
    assert without == set()
    accepted = document["paths"]["/v1/inovafarma/products"]["post"]["responses"]["202"]["headers"]
    assert {"RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining", "Location"} <= set(accepted)


def test_operators_routes_offer_operators_keys_alone(document: dict[str, Any]) -> None:
    operators = {
        place: [kind for option in operation.get("security", document["security"]) for kind in option]
        for place, operation in _operations(document)
    }
    assert operators["get /admin/keys"] == ["bearer", "adminApiKey"]
    assert operators["get /v1/batches"] == ["bearer", "apiKey"]
    assert operators["get /livez"] == []


def test_every_tag_of_a_route_is_described(document: dict[str, Any]) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert {tag for _, operation in _operations(document) for tag in operation["tags"]} == described
    assert document["servers"]
