"""Repeated posts: the same batch while it may still count, otherwise a new one."""

import json
from typing import Any

import pytest

from tests.integration.conftest import Client
from tests.integration.test_flow import product

_BROKEN = json.dumps([product(1)]).encode()[:-1]


async def _id(client: Client, body: Any, load_type: str = "delta", **headers: str) -> str:
    answer = await client.post(body, load_type, **headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
async def test_a_failed_batch_absorbs_no_resend(client: Client, headers: dict[str, str]) -> None:
    first = await _id(client, _BROKEN, **headers)
    assert (await client.finished(first))["status"] == "FAILED"
    second = await _id(client, _BROKEN, **headers)
    assert second != first and (await client.finished(second))["status"] == "FAILED"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
async def test_a_cancelled_batch_absorbs_no_resend(client: Client, headers: dict[str, str]) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
        first = await _id(client, [product(1)], **headers)
        await client.admin("POST", f"/v1/batches/{first}/cancel")
    assert (await client.finished(first))["status"] == "CANCELLED"
    second = await _id(client, [product(1)], **headers)
    assert second != first and (await client.finished(second))["inserted"] == 1


async def test_the_same_body_as_the_other_load_type_is_another_batch(client: Client) -> None:
    first = await _id(client, [product(1)], "delta")
    second = await _id(client, [product(1)], "full")
    assert first != second and await _id(client, [product(1)], "full") == second
    refused = await client.post([product(1)], "full", **{"Idempotency-Key": "one"})
    again = await client.post([product(1)], "delta", **{"Idempotency-Key": "one"})
    assert (refused.status_code, again.status_code, again.json()["code"]) == (202, 422, "idempotency_key_reused")
