"""Bodies of webhooks, rendered once per delivery from the facts that were kept when the event occurred."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from integrahub.domain.languages import DEFAULT
from integrahub.domain.views.batch import BatchReport, view_batch
from integrahub.domain.views.timestamps import format_time
from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import EndpointOwner

_DEACTIVATION_EVENTS = (EventType.DEACTIVATION_HELD, EventType.DEACTIVATION_DECIDED)


class WebhookBody(msgspec.Struct, frozen=True):
    """What a receiver gets. `data` is what the API answers about the batch, or the facts of another event."""

    type: EventType
    timestamp: datetime
    batch_id: UUID | None
    status: str | None
    items_processed: int | None
    data: msgspec.Struct | dict[str, Any]
    links: dict[str, str]


class PharmacyData(msgspec.Struct, frozen=True):
    """A pharmacy that is silent, or has posted again after `silent_for` seconds. Gaps between posts are in seconds."""

    cnpj: str
    name: str
    last_at: datetime
    silent_for: float
    silent_since: datetime | None = None
    longest_gap: float | None = None


class DisabledEndpointData(msgspec.Struct, frozen=True):
    """An endpoint that was disabled. `cnpj` is None unless it is for one pharmacy."""

    endpoint_id: UUID
    owner: EndpointOwner
    cnpj: str | None
    url: str
    reason: str
    failing_since: datetime | None
    disabled_at: datetime


class ExpiringKeyData(msgspec.Struct, frozen=True):
    """An API key that expires soon. `hint` are its last characters."""

    key_id: UUID
    hint: str
    scopes: list[str]
    tenants: str
    cnpjs: list[str]
    expires_at: datetime
    last_used_at: datetime | None


_DATA: dict[EventType, type[msgspec.Struct]] = {
    EventType.PHARMACY_SILENT: PharmacyData,
    EventType.PHARMACY_HEARD: PharmacyData,
    EventType.WEBHOOK_DISABLED: DisabledEndpointData,
    EventType.KEY_EXPIRING: ExpiringKeyData,
}


class Event(msgspec.Struct, frozen=True):
    """An event with the facts kept when it occurred."""

    type: EventType
    occurred_at: datetime
    batch_id: UUID | None
    facts: dict[str, Any]


def render(event: Event, public_url: str) -> bytes:
    """Return the body of an event as JSON. Links begin with `public_url`."""
    body = _of_batch(event, public_url) if event.batch_id else _of_other(event, public_url)
    return msgspec.json.encode(_with_times_as_text(msgspec.to_builtins(body, builtin_types=(datetime,))))


def _of_batch(event: Event, public_url: str) -> WebhookBody:
    view = view_batch(msgspec.convert(event.facts, BatchReport), DEFAULT)
    return WebhookBody(
        type=event.type,
        timestamp=event.occurred_at,
        batch_id=view.batch_id,
        status=view.status,
        items_processed=view.items_processed,
        data=view,
        links=_batch_links(event.type, f"{public_url}/v1/batches/{view.batch_id}"),
    )


def _batch_links(event: EventType, batch_url: str) -> dict[str, str]:
    links = {"batch": batch_url, "errors": f"{batch_url}/errors", "changes": f"{batch_url}/changes"}
    if event in _DEACTIVATION_EVENTS:
        links["deactivation_products"] = f"{batch_url}/deactivation/products"
    return links


def _of_other(event: Event, public_url: str) -> WebhookBody:
    cnpj = event.facts.get("cnpj")
    return WebhookBody(
        type=event.type,
        timestamp=event.occurred_at,
        batch_id=None,
        status=None,
        items_processed=None,
        data=msgspec.convert(event.facts, _DATA[event.type]) if event.type in _DATA else event.facts,
        links={"batches": f"{public_url}/v1/batches?cnpj={cnpj}"} if cnpj else {},
    )


def _with_times_as_text(value: Any) -> Any:
    """Return JSON values with times in the form that answers of the API have."""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, dict):
        return {name: _with_times_as_text(member) for name, member in value.items()}
    return value
