"""The OpenAPI document describes the events that are really sent."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from integrahub.api.openapi.webhooks import WebhookEvent
from integrahub.domain.webhooks.events import OPERATOR_EVENTS, EventType
from tests.integration.conftest import Client
from tests.integration.webhooks.conftest import Webhooks
from tests.integration.webhooks.receiver import receiving


def _schema(client: Client) -> dict[str, Any]:
    document = client.app.openapi()
    body = document["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {**body, "components": document["components"]}


@pytest.mark.parametrize("event", ["webhook.test", "batch.partial_fail"])
async def test_an_event_fits_its_description(client: Client, webhooks: Webhooks, event: str) -> None:
    async with receiving() as receiver:
        endpoint = webhooks.endpoint(receiver.url, events=list(OPERATOR_EVENTS))
        if event == EventType.WEBHOOK_TEST:
            webhooks.deliver(endpoint)
        else:
            await client.load([{"PRODUCTID": 1, "TITLE": "A"}, {"PRODUCTID": 2, "TITLE": "B", "PRICE": -1}])
        await webhooks.run()
    [received] = receiver.received
    Draft202012Validator(_schema(client)).validate(json.loads(received.body))
    assert WebhookEvent.model_validate_json(received.body).type == event
    described = client.app.openapi()["webhooks"]["event"]["post"]["parameters"]
    assert {parameter["name"] for parameter in described} <= set(received.headers)
