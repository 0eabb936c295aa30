"""Requests and answers of the routes of webhooks."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from integrahub.api.models.base import Answer, Moment, Timestamp
from integrahub.api.unknown_names import StrictModel
from integrahub.domain.webhooks.events import EventType
from integrahub.domain.webhooks.states import DeliveryState, EndpointOwner, EndpointState

_URL = "https://erp.example.com/integrahub"
_ID = "0198f3a1-7c1e-7d40-8a53-5f0a4d1c9b11"
_AT = "2026-11-03T12:00:00.000Z"
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwSZ8OKWmOqN0="


class WebhookSettings(StrictModel):
    """The address that receives events. Without `events` it receives every event that its owner may receive."""

    url: str = Field(
        min_length=1, description="URL to post events to: https, port 443, a public address", examples=[_URL]
    )
    events: list[EventType] | None = Field(
        None, min_length=1, max_length=20, description="events to send", examples=[["batch.completed", "batch.failed"]]
    )
    description: str = Field("", max_length=200, description="a text of yours")


class WebhookRotation(StrictModel):
    """In how many hours the old secret ends. Until then, deliveries carry signatures by both."""

    old_ends_in_hours: int = Field(24, ge=0, le=24 * 30)


class WebhookEnabling(StrictModel):
    """Since when missed events are sent; if absent, since the first one."""

    since: Moment | None = None


class WebhookReplay(StrictModel):
    """Which deliveries are sent again: those in `state` that were created since a time."""

    since: Moment
    state: Literal[DeliveryState.FAILED, DeliveryState.DELIVERED] = DeliveryState.FAILED


class WebhookAnswer(Answer):
    """An address that receives events. `cnpj` null: the events of all pharmacies of its owner."""

    id: UUID = Field(examples=[_ID])
    owner: EndpointOwner = Field(description="the pharmacy, a key of several pharmacies, or the operator")
    cnpj: str | None = Field(examples=["12ABC34501DE35"])
    url: str = Field(examples=[_URL])
    events: list[EventType]
    description: str
    state: EndpointState = Field(description="`disabled`: events are held until the address is enabled")
    failing_since: Timestamp | None = Field(description="first failed attempt since the last success")
    disabled_at: Timestamp | None
    disabled_reason: str | None = Field(description="code of the reason")
    old_secret_ends_at: Timestamp | None = Field(
        description="until then deliveries are also signed with the old secret"
    )
    created_at: Timestamp = Field(examples=[_AT])
    updated_at: Timestamp = Field(examples=[_AT])


class WebhookWithSecret(WebhookAnswer):
    """An address and, if it is new, the secret that signs its deliveries, which is shown only in this answer."""

    secret: str | None = Field(description="`whsec_` and 32 bytes in base64; null unless it is new", examples=[_SECRET])


class EnabledWebhook(WebhookAnswer):
    """An enabled address. `replayed` deliveries that it missed are sent."""

    replayed: int


class DeletedWebhook(Answer):
    """An address that was deleted; what was not yet sent to it failed."""

    id: UUID
    deleted: Literal[True] = True


class QueuedDelivery(Answer):
    """A delivery that is sent as soon as possible. Read it to see its outcome."""

    delivery_id: UUID = Field(examples=[_ID])


class ReplayedDeliveries(Answer):
    """How many deliveries are sent again."""

    replayed: int


class DeliveryAnswer(Answer):
    """An event for one address. `id` is `webhook-id` in every attempt; `last_error` is a code, null after a success."""

    id: UUID = Field(examples=[_ID])
    webhook_id: UUID = Field(description="the address")
    event: EventType
    cnpj: str | None
    batch_id: UUID | None
    occurred_at: Timestamp = Field(description="`timestamp` in the body")
    state: DeliveryState
    attempts: int
    next_attempt_at: Timestamp | None
    created_at: Timestamp
    ended_at: Timestamp | None
    last_status: int | None = Field(description="HTTP status of the last answer; null: there was none")
    last_error: str | None


class DeliveryPage(Answer):
    """Deliveries, newest first. `next_cursor` is null on the last page."""

    items: list[DeliveryAnswer]
    next_cursor: str | None


class AttemptAnswer(Answer):
    """An attempt to send a delivery. `excerpt`, the beginning of the answer, is shown to operators only."""

    number: int
    at: Timestamp
    milliseconds: int
    status: int | None = Field(description="HTTP status of the answer; null: there was none")
    error: str | None = Field(description="code of the reason why it failed; null: it succeeded")
    excerpt: str | None


class DeliveryDetails(DeliveryAnswer):
    """A delivery with its body, as it is sent, and its attempts. `body` is null before the first attempt."""

    body: str | None
    attempt_log: list[AttemptAnswer]
