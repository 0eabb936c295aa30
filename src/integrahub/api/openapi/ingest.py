"""The hot route's part of the OpenAPI document."""

from typing import Any

from integrahub.api.openapi.problems import NOTICE_HEADER, PROBLEM_RESPONSE


def _header(name: str, about: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": about, "schema": schema}


_RECORD: dict[str, Any] = {
    "type": "object",
    "required": ["PRODUCTID"],
    "properties": {
        "CNPJ": {"type": ["string", "number"]},
        "PRODUCTID": {"type": ["integer", "string"]},
        **{name: {"type": "string"} for name in ("TITLE", "DESCRIPTION", "BRAND", "NCM", "CATEGORY", "IMAGELINK")},
        **{name: {"type": ["number", "string"]} for name in ("PRICE", "PRICEPROMO", "WHOLESALEPRICE", "QUANTITY")},
    },
}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "batch_id": {"type": "string", "format": "uuid"},
        "trace_id": {"type": "string", "description": "of the batch, in logs and reports: its id without dashes"},
        "status": {"type": "string"},
        "received_at": {"type": "string", "format": "date-time"},
        "message": {"type": "string"},
    },
}
_REFUSALS = {
    400: "A header is missing or wrong, the body is not a non-empty array, or no CNPJ is known",
    401: "No key, or a wrong one",
    403: "The key is of another pharmacy",
    408: "The body does not come, or comes at a crawl",
    413: "The decoded body is over the limit, or expands too much",
    415: "Content-Type, its charset or Content-Encoding is not accepted, or the body is not what they say",
    422: "The Idempotency-Key came with another body or load type before",
    429: "The limit of posts is reached; Retry-After and RateLimit say when to come again",
    503: "A dependency is down; Retry-After says when to come again",
}
INGEST: dict[str, Any] = {
    "tags": ["ingest"],
    "summary": "Post a whole catalogue (full) or changes (delta)",
    "description": "Answers 202 once the body is durable. Follow the batch at the Location.",
    "operationId": "ingest",
    "parameters": [
        _header("X-Inova-Load-Type", "full or delta", {"type": "string", "enum": ["full", "delta"]}, required=True),
        _header("Idempotency-Key", "the same key again is the same batch", {"type": "string", "maxLength": 255}),
        _header("X-Inova-Item-Count", "records in the body; proves an NDJSON FULL whole", {"type": "integer"}),
        _header("Content-Encoding", "gzip or zstd", {"type": "string", "enum": ["gzip", "zstd"]}),
        {
            "name": "cnpj",
            "in": "query",
            "description": "the pharmacy, when neither the key nor the first record says it",
            "schema": {"type": "string"},
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "minItems": 1, "items": _RECORD}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    },
    "responses": {
        "202": {
            "description": "Taken in, durable",
            "headers": {"Location": {"schema": {"type": "string"}}} | NOTICE_HEADER,
            "content": {"application/json": {"schema": _RECEIPT}},
        },
        **{str(status): {"description": about} | PROBLEM_RESPONSE for status, about in _REFUSALS.items()},
    },
}
