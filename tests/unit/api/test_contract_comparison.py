"""Each kind of change of the OpenAPI document that breaks clients is found, and no addition is."""

import ast
import copy
from collections.abc import Callable
from typing import Any

import pytest
from tests.api_contract.baseline import parse_baseline, read_baseline, render_baseline
from tests.api_contract.comparison import Break, find_breaks, find_unannounced
from tests.api_contract.reduction import find_reachable, reduce_document

_PATH = "/v1/things/{id}"
_REF = {"$ref": "#/components/schemas/Thing"}
_DOCUMENT: dict[str, Any] = {
    "security": [{"bearer": []}, {"apiKey": []}],
    "paths": {
        _PATH: {
            "put": {
                "parameters": [
                    {"in": "path", "name": "id", "required": True, "schema": {"type": "integer", "maximum": 99}},
                    {"in": "query", "name": "sort", "schema": {"enum": ["title", "price"], "type": "string"}},
                    {"in": "query", "name": "cnpj", "schema": {"type": ["string", "integer"]}},
                ],
                "requestBody": {"content": {"application/json": {"schema": _REF}, "text/csv": {}}},
                "responses": {
                    "200": {
                        "headers": {"ETag": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": _REF}, "text/csv": {"schema": {"type": "string"}}},
                    },
                    "404": {"description": "It does not exist"},
                },
            },
        },
    },
    "webhooks": {
        "event": {
            "post": {
                "parameters": [{"in": "header", "name": "webhook-id", "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "Event": {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}},
            "Thing": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "integer"},
                    "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                    "state": {"type": "string", "enum": ["on", "off"]},
                    "parts": {"type": "array", "items": _REF},
                    "names": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        }
    },
}
Change = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], Any]


def _breaks(change: Change) -> list[str]:
    """Change the operation, the model and the document, and return what breaks."""
    document = copy.deepcopy(_DOCUMENT)
    change(document["paths"][_PATH]["put"], document["components"]["schemas"]["Thing"], document)
    found = find_breaks(reduce_document(_DOCUMENT), reduce_document(document))
    return [str(each) for each in found]


def _of_answer(operation: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = operation["responses"]["200"]
    return answer


_ANSWER, _BODY = "answer 200 application/json", "body application/json"
_PARAMETER = {"in": "query", "name": "new", "schema": {"type": "string"}}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda _, __, document: document["paths"].clear(), ["the operation is gone"]),
        (lambda operation, *_: operation["parameters"].pop(1), ["query sort: the parameter is gone"]),
        (
            lambda operation, *_: operation["parameters"].append(_PARAMETER | {"required": True}),
            ["query new: the parameter is required now"],
        ),
        (
            lambda operation, *_: operation["parameters"][1].update(required=True),
            ["query sort: the parameter is required now"],
        ),
        (
            lambda operation, *_: operation["parameters"][1]["schema"]["enum"].remove("price"),
            ["query sort: the value 'price' is gone"],
        ),
        (
            lambda operation, *_: operation["parameters"][2]["schema"].update(type="string"),
            ["query cnpj: the type integer became string"],
        ),
        (
            lambda operation, *_: operation["parameters"][2]["schema"].update(type="string", format="uuid"),
            ["query cnpj: the format any became uuid", "query cnpj: the type integer became string"],
        ),
        (
            lambda operation, *_: operation["parameters"][0]["schema"].update(maximum=9),
            ["path id: maximum 99 became 9"],
        ),
        (
            lambda operation, *_: operation["parameters"][0]["schema"].update(minimum=1),
            ["path id: minimum none became 1"],
        ),
        (lambda operation, *_: operation["requestBody"].update(required=True), ["body: it is required now"]),
        (
            lambda operation, *_: operation["requestBody"]["content"].pop("text/csv"),
            ["body text/csv: the type is no longer taken"],
        ),
        (
            lambda operation, *_: operation.update(security=[{"bearer": []}]),
            ["keys of the kind apiKey are no longer taken"],
        ),
        (lambda operation, *_: operation["responses"].pop("404"), ["answer 404: the status is gone"]),
        (lambda operation, *_: _of_answer(operation)["headers"].clear(), ["answer 200 ETag: the header is gone"]),
        (
            lambda operation, *_: _of_answer(operation)["content"].pop("text/csv"),
            ["answer 200 text/csv: the type is gone"],
        ),
        (
            lambda _, thing, __: thing["properties"].pop("state"),
            [f"{_BODY}.state: the member is gone", f"{_ANSWER}.state: the member is gone"],
        ),
        (lambda _, thing, __: thing["required"].clear(), [f"{_ANSWER}.id: the member is no longer always there"]),
        (lambda _, thing, __: thing["required"].append("price"), [f"{_BODY}.price: the member is required now"]),
        (
            lambda _, thing, __: thing["properties"].update(id={"type": "number"}),
            [f"{_ANSWER}.id: the type integer became number"],
        ),
        (
            lambda _, thing, __: thing["properties"].update(price={"type": "number"}),
            [f"{_BODY}.price: the type null became number"],
        ),
        (
            lambda _, thing, __: thing["properties"]["price"]["anyOf"].append({"type": "string"}),
            [f"{_ANSWER}.price: the type null or number became string"],
        ),
        (
            lambda _, thing, __: thing["properties"]["state"]["enum"].remove("off"),
            [f"{_BODY}.state: the value 'off' is gone", f"{_ANSWER}.state: the value 'off' is gone"],
        ),
        (
            lambda _, thing, __: thing["properties"]["state"].pop("enum"),
            [f"{_ANSWER}.state: the values are no longer fixed"],
        ),
        (
            lambda _, thing, __: thing["properties"]["parts"].update(items={"type": "object"}),
            [
                *(f"{_BODY}.parts[].{name}: the member is gone" for name in ("id", "price", "state", "parts", "names")),
                *(
                    f"{_ANSWER}.parts[].{name}: the member is gone"
                    for name in ("id", "price", "state", "parts", "names")
                ),
            ],
        ),
        (
            lambda _, thing, __: thing["properties"]["names"]["additionalProperties"].update(type="integer"),
            [
                f"{_BODY}.names.*: the type string became integer",
                f"{_ANSWER}.names.*: the type string became integer",
            ],
        ),
        (
            lambda _, thing, __: thing.update(additionalProperties=False),
            [f"{_BODY}: other members are refused now"],
        ),
    ],
)
def test_a_change_that_breaks_clients_is_found(change: Change, broken: list[str]) -> None:
    assert _breaks(change) == [f"PUT {_PATH}: {each}" for each in broken]


@pytest.mark.parametrize(
    "change",
    [
        lambda _, __, document: document["paths"].update({"/v1/others": {"get": {"responses": {}}}}),
        lambda operation, *_: operation["parameters"].append(_PARAMETER),
        lambda operation, *_: operation["parameters"][0]["schema"].update(maximum=100),
        lambda operation, *_: operation["parameters"][0]["schema"].pop("maximum"),
        lambda operation, *_: operation["parameters"][0].update(description="the id", required=False),
        lambda operation, *_: operation.update(security=[{"bearer": []}, {"apiKey": []}, {"other": []}]),
        lambda operation, *_: operation.update(security=[]),
        lambda operation, *_: operation["responses"].update({"409": {"description": "Its state forbids it"}}),
        lambda _, thing, __: thing["properties"].update(new={"type": "string"}),
        lambda _, thing, __: thing["properties"]["state"]["enum"].append("held"),
        lambda _, thing, __: (
            thing["properties"].pop("parts") and thing["properties"].update(parts={"type": "array", "items": _REF})
        ),
        lambda _, __, document: document["components"]["schemas"]["Event"]["properties"].update(new={"type": "string"}),
    ],
)
def test_an_addition_is_no_break(change: Change) -> None:
    assert _breaks(change) == []


def test_clients_read_the_events_of_webhooks() -> None:
    def change(_: dict[str, Any], __: dict[str, Any], document: dict[str, Any]) -> None:
        document["components"]["schemas"]["Event"]["properties"]["at"].pop("format")
        document["webhooks"]["event"]["post"]["parameters"].clear()

    assert _breaks(change) == [
        "WEBHOOK event: answer event webhook-id: the header is gone",
        "WEBHOOK event: answer event application/json.at: the format date-time became any",
    ]


def test_a_model_may_be_renamed() -> None:
    renamed = str(_DOCUMENT).replace("Thing", "Object")
    assert find_breaks(reduce_document(_DOCUMENT), reduce_document(ast.literal_eval(renamed))) == []


_CHANGELOG = """# Changelog

## Unreleased

### Added
- `GET /v1/added` is new.

### Breaking
- `PUT /v1/things/{id}` lacks `state`; `* /admin/*` needs an operator.

## 1.0.0

### Breaking
- `GET /v1/old` is gone.
"""


@pytest.mark.parametrize(
    ("operation", "is_announced"),
    [
        ("PUT /v1/things/{id}", True),
        ("GET /v1/things/{id}", False),
        ("POST /admin/keys", True),
        ("GET /v1/added", False),
        ("GET /v1/old", False),
    ],
)
def test_only_breaks_that_the_newest_section_of_the_changelog_names_pass(operation: str, is_announced: bool) -> None:
    found = [Break(operation, "the operation is gone")]
    assert find_unannounced(found, _CHANGELOG) == ([] if is_announced else found)


def test_the_baseline_is_read_as_it_was_written() -> None:
    contract = reduce_document(_DOCUMENT)
    assert parse_baseline(render_baseline(contract)) == contract


def test_a_member_that_any_schema_of_the_hub_loses_is_a_break() -> None:
    baseline = read_baseline()
    operations, schemas = baseline["operations"], baseline["schemas"]
    reached = {name: find_reachable({name: operation}, schemas) for name, operation in operations.items()}
    unnoticed = set()
    for name, schema in schemas.items():
        if members := schema.get("members"):
            fewer = schema | {"members": dict(list(members.items())[1:]), "required": []}
            changed = baseline | {"schemas": schemas | {name: fewer}}
            users = (
                baseline | {"operations": {each: operations[each]}} for each in operations if name in reached[each]
            )
            if not any(find_breaks(user, changed) for user in users):
                unnoticed.add(name)
    assert unnoticed == set() and len(operations) > 50
