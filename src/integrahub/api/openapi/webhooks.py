"""The events that the hub posts to webhook endpoints, in the OpenAPI document."""

from typing import Any
from uuid import UUID

from pydantic import Field

from integrahub.api.models.base import Answer, Timestamp
from integrahub.api.models.batches import BatchAnswer
from integrahub.domain.webhooks.events import EventType

_REF = "#/components/schemas/{model}"
_HEADERS = {
    "webhook-id": "the same in every attempt and replay of an event",
    "webhook-timestamp": "seconds since 1970, of this attempt",
    "webhook-signature": "`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64; two of them during a rotation",
}
_LATER = "The next attempt waits as long as Retry-After says, from 1 s to 24 h"
_ANSWERS = {
    "2XX": "The event is delivered",
    "410": "The hub disables the address",
    "429": _LATER,
    "503": _LATER,
    "default": "The next attempt follows the schedule; the hub follows no redirect",
}


class WebhookEvent(Answer):
    """An event. It contains no products; `links` lead to details."""

    type: EventType = Field(description="type of the event")
    timestamp: Timestamp = Field(description="time of the event")
    batch_id: UUID | None = Field(description="null unless the event is about a batch")
    status: str | None = Field(description="status of the batch; null unless the event is about a batch")
    items_processed: int | None = Field(description="records applied; null unless the event is about a batch")
    data: BatchAnswer | dict[str, Any] = Field(
        description="what GET /v1/batches/{id} answered at the time of the event, or the facts of another event"
    )
    links: dict[str, str] = Field(description="addresses of the batch and its reports")


def describe_webhooks(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return `webhooks` of the document, and add to `schemas` what they refer to."""
    schema = WebhookEvent.model_json_schema(mode="serialization", ref_template=_REF)
    for name, definition in (schema.pop("$defs") | {"WebhookEvent": schema}).items():
        schemas.setdefault(name, definition)
    content = {"application/json": {"schema": {"$ref": _REF.format(model="WebhookEvent")}}}
    parameters = [
        {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS.items()
    ]
    operation = {
        "tags": ["webhooks"],
        "operationId": "event",
        "summary": "An event, posted to the address of its owner",
        "security": [],
        "parameters": parameters,
        "requestBody": {"required": True, "content": content},
        "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
    }
    return {"event": {"post": operation}}
