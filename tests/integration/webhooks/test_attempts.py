"""Attempts to send webhooks: at the schedule, under one id, with the same bytes, until the receiver accepts."""

import asyncio
import json
from typing import Any

import pytest

from tests.integration.webhooks.conftest import SECRET, Webhooks
from tests.integration.webhooks.receiver import Answer, answer, close_early, hang, receiving

_DELAYS = [5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0]
_REFUSED = answer(500, "the receiver\r\nis \x1b[31mill " + "x" * 300)


async def test_an_accepted_webhook_is_sent_once_and_verified_by_the_public_library(webhooks: Webhooks) -> None:
    async with receiving() as receiver:
        [delivery] = webhooks.deliver(webhooks.endpoint(receiver.url))
        await webhooks.run()
        await webhooks.run()
        [received] = receiver.received
        received.verify(SECRET)
        assert received.id == delivery
        assert received.headers["content-type"] == "application/json"
        assert received.headers["host"] == f"localhost:{receiver.port}"
        assert json.loads(received.body)["type"] == "webhook.test"
    [stored] = webhooks.deliveries()
    assert (stored["state"], stored["attempts"], stored["claim_token"]) == ("delivered", 1, None)
    assert stored["body"].encode() == received.body
    [attempt] = webhooks.attempts()
    assert (attempt["status"], attempt["error"], attempt["excerpt"]) == (200, None, "ok")


async def test_a_receiver_that_fails_gets_the_same_bytes_under_one_id_at_the_schedule(webhooks: Webhooks) -> None:
    async with receiving(*[_REFUSED] * 10) as receiver:
        [delivery] = webhooks.deliver(webhooks.endpoint(receiver.url))
        for delay in _DELAYS:
            await webhooks.run()
            [stored] = webhooks.deliveries()
            assert stored["state"] == "pending"
            assert 0.9 * delay - 5 < stored["wait"] <= 1.1 * delay
            webhooks.advance(stored["wait"] - 3)
            await webhooks.run()  # not before its time
            webhooks.advance(4)
        await webhooks.run()
        [stored] = webhooks.deliveries()
        assert (stored["state"], stored["attempts"], stored["wait"]) == ("failed", 10, None)
        assert len(receiver.received) == 10
        assert {(received.id, received.body) for received in receiver.received} == {
            (delivery, receiver.received[0].body)
        }
        for received in receiver.received:
            received.verify(SECRET)
    attempts = webhooks.attempts()
    assert [(each["number"], each["status"], each["error"]) for each in attempts] == [
        (number, 500, "status_refused") for number in range(1, 11)
    ]
    assert attempts[0]["excerpt"].startswith("the receiver\\r\\nis \\x1b[31mill xx")
    assert len(attempts[0]["excerpt"]) < 300


@pytest.mark.parametrize(
    ("given", "status", "error", "low", "high"),
    [
        (answer(301, Location="http://127.0.0.1:1/other"), 301, "redirected", 4, 6),
        (answer(429, Retry_After="120"), 429, "status_refused", 115, 133),
        (answer(503, Retry_After="0"), 503, "status_refused", -1, 2),
        (answer(500, Retry_After="120"), 500, "status_refused", 4, 6),
        (close_early, None, "connection_lost", 4, 6),
    ],
)
async def test_each_way_to_fail_is_named_and_tried_again(
    webhooks: Webhooks, given: Answer, status: int | None, error: str, low: float, high: float
) -> None:
    async with receiving(given) as receiver:
        webhooks.deliver(webhooks.endpoint(receiver.url))
        assert await webhooks.notify.start_due() == 1
        await webhooks.notify.finish()
        [stored] = webhooks.deliveries()
        assert stored["state"] == "pending" and low <= stored["wait"] <= high
        [attempt] = webhooks.attempts()
        assert (attempt["status"], attempt["error"]) == (status, error)
        webhooks.advance(high)
        await webhooks.run()
        assert [received.id for received in receiver.received] == [str(stored["id"])] * 2
    assert webhooks.deliveries()[0]["state"] == "delivered"


async def test_a_receiver_that_cannot_be_reached_is_tried_again(webhooks: Webhooks) -> None:
    async with receiving() as receiver:
        pass
    webhooks.deliver(webhooks.endpoint(receiver.url))
    await webhooks.run()
    assert [attempt["error"] for attempt in webhooks.attempts()] == ["connect_failed"]


async def test_an_attempt_at_a_receiver_that_hangs_ends_in_time(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrahub.pipeline.notify.sender.ATTEMPT_TIMEOUT_SECONDS", 0.3)
    async with receiving(hang) as receiver:
        webhooks.deliver(webhooks.endpoint(receiver.url))
        await webhooks.run()
        assert [attempt["error"] for attempt in webhooks.attempts()] == ["timed_out"]
        webhooks.advance(6)
        await webhooks.run()
        assert len(receiver.received) == 2
    assert webhooks.deliveries()[0]["state"] == "delivered"


async def test_a_receiver_that_hangs_delays_no_other_and_gets_four_at_once(webhooks: Webhooks) -> None:
    async with receiving(*[hang] * 40) as hanging, receiving() as healthy:
        webhooks.deliver(webhooks.endpoint(hanging.url, owner="pharmacy", pharmacy_id=1), 20)
        webhooks.deliver(webhooks.endpoint(hanging.url, owner="pharmacy", pharmacy_id=2), 20)
        webhooks.deliver(webhooks.endpoint(healthy.url), 40)
        running: list[Any] = []
        async with asyncio.timeout(10):
            while len(healthy.received) < 40:
                running.append(await webhooks.notify.start_due())
                await webhooks.notify.wait_until_due(0.05)
        assert hanging.open_at_most == 4
        assert healthy.open_at_most <= 4
        hanging.answers.clear()
    await webhooks.notify.finish()


async def test_a_receiver_that_is_gone_is_disabled_and_its_events_are_kept(webhooks: Webhooks) -> None:
    async with receiving(answer(410)) as receiver, receiving() as operator:
        webhooks.endpoint(operator.url)
        endpoint = webhooks.endpoint(receiver.url, owner="pharmacy", pharmacy_id=1)
        first, second = webhooks.deliver(endpoint) + webhooks.deliver(endpoint)
        webhooks.rows(
            "UPDATE webhook_deliveries SET next_attempt_at = now() + interval '1 hour' WHERE id = %s", [second]
        )
        await webhooks.run()
        assert [received.id for received in receiver.received] == [first]
        [told] = operator.received
    stored = webhooks.rows("SELECT state, disabled_reason FROM webhook_endpoints WHERE id = %s", [endpoint])
    assert stored == [{"state": "disabled", "disabled_reason": "gone"}]
    assert [each["state"] for each in webhooks.deliveries() if each["endpoint_id"] == endpoint] == ["held", "held"]
    body = json.loads(told.body)
    assert body["type"] == "webhook.disabled"
    assert (body["data"]["endpoint_id"], body["data"]["reason"]) == (str(endpoint), "gone")
    assert body["data"]["disabled_at"].endswith("Z")


async def test_five_days_without_a_success_disable_an_endpoint_and_one_success_begins_them_again(
    webhooks: Webhooks,
) -> None:
    async with receiving(_REFUSED, answer(200), *[_REFUSED] * 5) as receiver:
        endpoint = webhooks.endpoint(receiver.url)
        day = 86400.0
        states = []
        for passed in (0.0, 4 * day, 0.0, 4 * day, 0.9 * day, 0.2 * day):
            webhooks.advance(passed)
            webhooks.rows(
                "UPDATE webhook_deliveries SET next_attempt_at = now() + interval '9 days' WHERE state = 'pending'"
            )
            webhooks.deliver(endpoint)
            await webhooks.run()
            states += [row["state"] for row in webhooks.rows("SELECT state FROM webhook_endpoints")]
        assert states == ["enabled"] * 5 + ["disabled"]
        assert {each["state"] for each in webhooks.deliveries()} == {"delivered", "held"}


async def test_during_a_rotation_both_secrets_verify_and_afterwards_the_new_one_alone(webhooks: Webhooks) -> None:
    other = "whsec_" + "b2xk" * 10 + "b2w="
    async with receiving() as receiver:
        endpoint = webhooks.endpoint(receiver.url)
        webhooks.rows(
            "UPDATE webhook_endpoints SET old_sealed_secret = %s, old_secret_ends_at = now() + interval '1 hour'",
            [b"old" * 10 + b"ol"],
        )
        webhooks.deliver(endpoint)
        await webhooks.run()
        webhooks.advance(3601)
        webhooks.deliver(endpoint)
        await webhooks.run()
        first, second = receiver.received
    for secret in (SECRET, other):
        first.verify(secret)
    assert len(first.headers["webhook-signature"].split()) == 2
    second.verify(SECRET)
    assert len(second.headers["webhook-signature"].split()) == 1
