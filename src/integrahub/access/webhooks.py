"""What owners and operators order of webhook endpoints, each with an audit entry."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from integrahub.access.audit import Audit
from integrahub.access.webhook_owners import WebhookOwner
from integrahub.db.database import Database
from integrahub.db.webhooks import deliveries, endpoints
from integrahub.db.webhooks.rows import Delivery, Endpoint, EndpointChanges
from integrahub.domain.api_keys import Caller
from integrahub.domain.errors import BadRequest, Conflict, NotFound, TooManyRequests
from integrahub.domain.webhooks.events import CLIENT_EVENTS, OPERATOR_EVENTS, EventType
from integrahub.domain.webhooks.states import DeliveryState, EndpointOwner, EndpointState
from integrahub.domain.webhooks.target_url import TargetUrl, hide_secrets
from integrahub.secrets.webhook_secrets import SecretSealer, generate_secret, show_secret

_TESTS_PER_MINUTE = 10


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """The endpoint that an owner wants. `events` None means every event that the owner may receive now."""

    url: str
    events: tuple[EventType, ...] | None
    description: str


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """How endpoints are checked and their secrets sealed. Without `public_url` there would be no links to send."""

    check_target: Callable[[str], Awaitable[TargetUrl]]
    sealer: SecretSealer
    public_url: str | None


class Webhooks:
    """Set, delete, enable and test endpoints, rotate their secrets, and send deliveries again."""

    def __init__(self, audit: Audit, rules: WebhookRules) -> None:
        self._audit = audit
        self._rules = rules

    async def show(self, owner: WebhookOwner) -> Endpoint:
        """Return the endpoint of an owner; raise NotFound if it has none."""
        endpoint = await endpoints.find(owner.database, owner.ref)
        if endpoint is None:
            raise NotFound("webhook_not_found")
        return endpoint

    async def put(self, caller: Caller, owner: WebhookOwner, request: WebhookRequest) -> tuple[Endpoint, str | None]:
        """Set the endpoint of an owner; return it, and its secret if it is new."""
        if self._rules.public_url is None:
            raise Conflict("webhooks_off")
        events = _check_events(owner, request.events)
        url = await self._rules.check_target(request.url)
        changes = EndpointChanges(str(url), f"{url.host}:{url.port}", events, request.description)
        secret, before = generate_secret(), await endpoints.find(owner.database, owner.ref)
        async with self._audit.action(caller, "webhook.put", owner.name, _to_entry(before)) as context:
            sealed = self._rules.sealer.seal(secret)
            endpoint, is_new = await endpoints.put(owner.database, owner.ref, changes, sealed)
            context.after = _to_entry(endpoint)
        return endpoint, show_secret(secret) if is_new else None

    async def delete(self, caller: Caller, owner: WebhookOwner) -> UUID:
        """Delete the endpoint of an owner, and return its id."""
        endpoint = await self.show(owner)
        async with self._audit.action(caller, "webhook.delete", owner.name, _to_entry(endpoint)):
            if not await endpoints.delete(owner.database, endpoint.id):
                raise NotFound("webhook_not_found")
        return endpoint.id

    async def rotate(self, caller: Caller, owner: WebhookOwner, hours: int) -> tuple[Endpoint, str]:
        """Give the endpoint a new secret, and return both. The old secret signs too for some hours."""
        endpoint, secret = await self.show(owner), generate_secret()
        async with self._audit.action(caller, "webhook.rotate", owner.name, _to_entry(endpoint)) as context:
            if not await endpoints.rotate(owner.database, endpoint.id, self._rules.sealer.seal(secret), hours):
                raise NotFound("webhook_not_found")
            rotated = await self.show(owner)
            context.after = _to_entry(rotated)
        return rotated, show_secret(secret)

    async def enable(self, caller: Caller, owner: WebhookOwner, since: datetime | None) -> tuple[Endpoint, int]:
        """Enable the endpoint and send what it missed since a time; return it, and how many deliveries are sent.

        `since` None means since the first event that it missed.
        """
        endpoint = await self.show(owner)
        async with self._audit.action(caller, "webhook.enable", owner.name, _to_entry(endpoint)) as context:
            count = await deliveries.enable(owner.database, endpoint.id, since)
            enabled = await self.show(owner)
            context.after = _to_entry(enabled)
        return enabled, count

    async def test(self, caller: Caller, owner: WebhookOwner) -> UUID:
        """Send a test event to the endpoint, and return the id of its delivery."""
        async with self._of_enabled(caller, "webhook.test", owner) as endpoint:
            delivery_id = await deliveries.insert_test(owner.database, endpoint.id, _TESTS_PER_MINUTE)
            if delivery_id is None:
                raise TooManyRequests("webhook_tests_limited", 60, {}, quota=_TESTS_PER_MINUTE)
        return delivery_id

    async def replay_some(self, caller: Caller, owner: WebhookOwner, since: datetime, state: DeliveryState) -> int:
        """Send deliveries in a state, inserted since a time, again; return how many."""
        async with self._of_enabled(caller, "webhook.replay", owner) as endpoint:
            return await deliveries.replay_some(owner.database, endpoint.id, [state], since)

    async def replay(self, caller: Caller, database: Database, delivery: Delivery) -> None:
        """Send a delivery again; raise Conflict if its endpoint is disabled or deleted."""
        async with self._audit.action(caller, "webhook.replay", str(delivery.id), delivery.state):
            is_sending = delivery.state is DeliveryState.PENDING
            if not await deliveries.replay(database, delivery.id) and not is_sending:
                raise Conflict("webhook_closed")

    @asynccontextmanager
    async def _of_enabled(self, caller: Caller, action: str, owner: WebhookOwner) -> AsyncIterator[Endpoint]:
        """Audit an action on an endpoint; raise Conflict if it is disabled."""
        endpoint = await self.show(owner)
        async with self._audit.action(caller, action, owner.name):
            if endpoint.state is EndpointState.DISABLED:
                raise Conflict("webhook_closed")
            yield endpoint


def _to_entry(endpoint: Endpoint | None) -> Endpoint | None:
    """Return an endpoint as the audit log stores it: path and query of its URL may be secrets."""
    return msgspec.structs.replace(endpoint, url=hide_secrets(endpoint.url)) if endpoint else None


def _check_events(owner: WebhookOwner, events: tuple[EventType, ...] | None) -> tuple[EventType, ...]:
    permitted = OPERATOR_EVENTS if owner.ref.owner is EndpointOwner.OPERATOR else CLIENT_EVENTS
    if unfit := [event for event in events or () if event not in permitted]:
        raise BadRequest("webhook_events_unfit", events=", ".join(unfit), permitted=", ".join(permitted))
    return permitted if events is None else tuple(dict.fromkeys(events))
