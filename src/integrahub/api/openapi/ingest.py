"""OpenAPI description of the ingest route, which bypasses FastAPI."""

from typing import Any

from integrahub.api.models.receipt import Receipt
from integrahub.api.openapi.problems import PROBLEM_RESPONSE


def _header(name: str, description: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


_MODELS = "#/components/schemas/{model}"
_NOTICES: dict[str, Any] = {
    "X-Inova-Notice": {
        "description": "unknown names that were ignored, a receipt that this hub cannot sign, a disabled webhook",
        "schema": {"type": "string"},
    }
}
RECEIPT_SCHEMA: dict[str, Any] = {
    name: value
    for name, value in Receipt.model_json_schema(mode="serialization", ref_template=_MODELS).items()
    if name != "$defs"  # they are components of the document
}
_PROBLEMS = {
    400: "A header is missing or wrong, the body is not a non-empty array, or the CNPJ is missing or not valid",
    401: "The key is missing or not valid",
    403: "The key is for another pharmacy",
    408: "The body does not arrive, or arrives too slowly",
    413: "The decoded body exceeds the limit, or expands too much",
    415: "Content-Type, its charset or Content-Encoding is not supported, or does not match the body",
    422: "The Idempotency-Key was already used with another body or load type",
    429: "The limit of posts is reached; try again after Retry-After",
    503: "A dependency is unavailable, or the backlog is full; try again after Retry-After",
}
_DESCRIPTION: dict[str, Any] = {
    "tags": ["ingest"],
    "summary": "Post a whole catalogue (full) or changes (delta)",
    "description": "Answers 202 once the body is durable. Follow the batch at the address in Location.",
    "operationId": "ingest",
    "parameters": [
        _header("X-Inova-Load-Type", "full or delta", {"type": "string", "enum": ["full", "delta"]}, required=True),
        _header("Idempotency-Key", "a repeated key returns the first batch", {"type": "string", "maxLength": 255}),
        _header("X-Inova-Item-Count", "number of records; proves that an NDJSON FULL is complete", {"type": "integer"}),
        _header("X-Inova-Dry-Run", "true: report what the post would change, and change nothing", {"type": "boolean"}),
        _header("Prefer", "`receipt`: the answer has a signed receipt (RFC 7240)", {"type": "string"}),
        _header("Content-Encoding", "gzip or zstd", {"type": "string", "enum": ["gzip", "zstd"]}),
        {
            "name": "cnpj",
            "in": "query",
            "description": "the pharmacy, if neither the key nor the first record names it",
            "schema": {"type": "string"},
        },
    ],
    "responses": {
        "202": {
            "description": "The body is durable",
            "headers": {
                "Location": {"schema": {"type": "string"}},
                "Preference-Applied": {
                    "description": "`receipt` if the answer has one",
                    "schema": {"type": "string", "enum": ["receipt"]},
                },
            }
            | _NOTICES,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}},
        },
        **{str(status): {"description": description} | PROBLEM_RESPONSE for status, description in _PROBLEMS.items()},
    },
}


def describe_ingest(record: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the route, whose bodies hold such records."""
    content = {
        "application/json": {"schema": {"type": "array", "minItems": 1, "items": record}},
        "application/x-ndjson": {"schema": {"type": "string"}},
    }
    return _DESCRIPTION | {"requestBody": {"required": True, "content": content}}
