"""Examples of answers in the OpenAPI document, built from their schemas and values of known names."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from integrahub.api.models.products import PRODUCT_EXAMPLE
from integrahub.api.problem_body import problem_body
from integrahub.domain.dialects.base import KeyNames
from integrahub.domain.languages import Language
from integrahub.domain.messages.reference import readable_message
from integrahub.domain.messages.statuses import status_of

_TIME, _ID = "2026-03-01T10:00:00.000Z", "019ca8a2-1b3c-7d4e-8f50-617283940a1b"
_TRACE = _ID.replace("-", "")
_COUNTERS = {"inserted": 20, "updated": 480, "unchanged": 4495, "rejected": 5}
_VALUES: dict[str, Any] = {
    "decision": "approve",
    **_COUNTERS,
    "items_total": 5000,
    "items_processed": 4995,
    "items_failed": 5,
    "chunks_total": 5,
    "chunks_done": 5,
    "bytes": 1_250_000,
    "received_seq": 42,
    "progress": 1.0,
    "rate": 3120.5,
    "warnings": 1,
    "position": 4811,
    "byte_offset": 1_204_311,
    "cnpj": "05927228000145",
    "cnpjs": ["05927228000145"],
    "trace_id": _TRACE,
    "product_id": "4812",
    "productId": "4812",
    "title": "Dipirona 500 mg",
    "name": "Farmácia Central",
    "ean": "7896004703390",
    "code": "price_invalid",
    "value": "caro",
    "message_en": "The price is not a number.",
    "message_pt": "O preço não é um número.",
    "message": "The price is not a number.",
    "price": 12.5,
    "stock": 30,
    "quantity": 30,
    "city": "Campinas",
    "url": "https://erp.example/webhook",
    "rate_limit": "100/minute",
    "time_zone": "America/Sao_Paulo",
    "kid": "1IG2tMH7J2wbJZnOf8LJzQitKf7LMvoAElsuDMVM54Y",
    "x": "A2s1xN7aupU4_GMu5D6uvIT_JuExV_TBIdcYJtylXHk",
    "receipt": "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJqdGkiOiIuLi4ifQ.c2lnbmF0dXJl",
    "brand": "Genérico",
    "api_key": "ihub_live_BMENVND8XMAS_7QXT9HV8KF5G0VD173Q9HYQVPN56B3RE0DABWZE",
    "ncm": "30049099",
    "latency_ms": 1.2,
    "limit": 40,
    "page": 1,
    "count": 1,
    "total_pages": 1,
    "hint": "ABWZE",
    "attempts": 1,
}
_MAX_NESTING = 6


def name_keys(keys: KeyNames) -> Mapping[str, Any]:
    """Return the values of members that hold keys of a record, by name."""
    members = {keys.cnpj: "cnpj", keys.product_id: "id", keys.title: "title", keys.price: "price", keys.stock: "stock"}
    record = {key: PRODUCT_EXAMPLE[member] for key, member in members.items()}
    return {"field": keys.price, "pointer": f"/{_VALUES['position']}/{keys.price}", "rawJson": record}


class Examples:
    """Examples of the schemas of a document. `shown` adds values of members to those of all APIs."""

    def __init__(self, components: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
        self._components = components
        self._shown = shown
        self._values = _VALUES | dict(shown)

    def build(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """Return a value that the schema describes. A member with a known name has its value if the type fits."""
        if "$ref" in schema:
            return self.build(self._resolve(schema), name, depth)
        if "example" in schema or "examples" in schema:
            return schema["example"] if "example" in schema else schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
            return self.build(kinds[0], name, depth) if kinds and depth < _MAX_NESTING else None
        return self._build_typed(schema, name, depth)

    def _build_typed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type")
        value = self._values.get(name)
        if kind == "object" or "properties" in schema:
            return {key: self.build(each, key, depth + 1) for key, each in schema.get("properties", {}).items()}
        if kind == "array":
            return value if isinstance(value, list) else [self.build(schema.get("items", {}), name, depth + 1)]
        if kind == "string":
            return _build_text(schema, value)
        if kind in ("integer", "number"):
            return value if isinstance(value, int) or (kind == "number" and isinstance(value, float)) else 0
        return kind == "boolean" or None

    def restore(self, example: Any, schema: Mapping[str, Any]) -> Any:
        """Return an example of a model with its other required members: null, which FastAPI drops, or as shown."""
        schema = self._resolve(schema)
        if isinstance(example, list):
            return [self.restore(item, schema.get("items", {})) for item in example]
        if not isinstance(example, dict) or "properties" not in schema:
            return example
        missing = {name: self._shown.get(name) for name in schema.get("required", ()) if name not in example}
        members = {name: schema["properties"].get(name, {}) for name in example}
        return {name: self.restore(value, members[name]) for name, value in example.items()} | missing

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schema itself instead of a reference to it, or of a choice between it and null."""
        while "$ref" in schema or "anyOf" in schema:
            if "$ref" in schema:
                schema = self._components[schema["$ref"].rpartition("/")[2]]
            else:
                schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        return schema


def _build_text(schema: Mapping[str, Any], value: Any) -> str:
    formats = {"date-time": _TIME, "uuid": _ID, "uri": "https://hub.example"}
    return formats.get(schema.get("format", "")) or (value if isinstance(value, str) else "text")


def build_problem(code: str) -> dict[str, Any]:
    """Return an example of a refusal with this code. Its messages show facts in braces."""
    status = HTTPStatus(status_of(code) or HTTPStatus.BAD_REQUEST)
    return problem_body(status, status.phrase, code, readable_message(code), Language.EN, _TRACE)
