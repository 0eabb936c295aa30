"""Dry runs and loads with the same key or content: which repeats which."""

from typing import Any

import pytest

from tests.integration.conftest import Client
from tests.integration.test_dry_runs import DRY
from tests.integration.test_flow import product


async def _id(client: Client, body: Any, load_type: str = "delta", **headers: str) -> str:
    answer = await client.post(body, load_type, **headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
async def test_a_load_repeats_no_dry_run_and_a_dry_run_no_load(client: Client, headers: dict[str, str]) -> None:
    dry = await _id(client, [product(1)], **DRY, **headers)
    load = await _id(client, [product(1)], **headers)
    assert dry != load
    assert await _id(client, [product(1)], **headers) == load
    assert (await client.finished(load))["inserted"] == 1


async def test_a_dry_run_repeats_the_newest_batch_only(client: Client) -> None:
    first = await _id(client, [product(1)], **DRY)
    assert await _id(client, [product(1)], **DRY) == first
    await _id(client, [product(2)])
    second = await _id(client, [product(1)], **DRY)
    assert second != first
    assert await _id(client, [product(1)], **DRY) == second


async def test_dry_runs_between_a_post_and_its_resend_absorb_nothing(client: Client) -> None:
    load = await _id(client, [product(1)])
    for number in range(6):
        await _id(client, [product(2 + number)], **DRY)
    assert await _id(client, [product(1)]) == load


async def test_a_key_of_a_dry_run_is_for_one_body(client: Client) -> None:
    first = await _id(client, [product(1)], **DRY, **{"Idempotency-Key": "one"})
    await _id(client, [product(2)])
    assert await _id(client, [product(1)], **DRY, **{"Idempotency-Key": "one"}) == first
    refused = await client.post([product(3)], "delta", **DRY, **{"Idempotency-Key": "one"})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
