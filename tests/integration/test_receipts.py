"""Signed receipts of posts and batches: what they claim, which keys verify them, and a hub that signs none."""

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from integrahub.domain.steps import STEPS
from integrahub.secrets.receipt_signing import verify_receipt
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running

KEYS = [base64.b64encode(bytes([number] * 32)).decode() for number in (1, 2)]
BODY = json.dumps([{"PRODUCTID": 1, "TITLE": "Dipirona"}, {"PRODUCTID": 2, "TITLE": "b", "PRICE": "x"}]).encode()
PREFER = {"Prefer": "respond-async, receipt"}


@pytest.fixture
def signing(settings: Settings) -> Settings:
    return settings.model_copy(update={"receipt_key": KEYS[0], "public_url": "https://hub.example"})


@pytest.fixture
async def client(signing: Settings) -> AsyncIterator[Client]:
    async with running(signing, list(STEPS)) as client:
        await _get_key(client)
        yield client


async def _get_key(client: Client) -> None:
    client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]


async def _verify(client: Client, receipt: str) -> dict[str, Any]:
    """Return the claims that the hub's public keys verify. The keys need no key of the API."""
    answer = await client.http.get("/.well-known/jwks.json")
    assert answer.status_code == 200 and "max-age" in answer.headers["cache-control"]
    claims: dict[str, Any] = msgspec.to_builtins(verify_receipt(receipt, answer.json()))
    return claims


async def test_a_post_that_prefers_a_receipt_gets_one_of_its_decoded_body(client: Client) -> None:
    answer = await client.post(gzip.compress(BODY), "delta", **{"Content-Encoding": "gzip"}, **PREFER)
    post = answer.json()
    assert answer.headers["Preference-Applied"] == "receipt"
    assert await _verify(client, post["receipt"]) == {
        "iss": "https://hub.example",
        "jti": post["batch_id"],
        "cnpj": CNPJ,
        "load_type": "delta",
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "bytes": len(BODY),
        "received_at": post["received_at"],
    }
    repeated = await client.post(BODY, "delta", **PREFER)
    assert repeated.headers["Idempotent-Replayed"] == "true"
    assert await _verify(client, repeated.json()["receipt"]) == await _verify(client, post["receipt"])


async def test_a_post_that_prefers_nothing_gets_no_receipt(client: Client) -> None:
    answer = await client.post(BODY, "delta", Prefer="receipts, return=minimal")
    assert "receipt" not in answer.json() and "Preference-Applied" not in answer.headers


async def test_the_receipt_of_a_final_batch_adds_its_result(client: Client) -> None:
    post = (await client.post(BODY, "delta", **PREFER)).json()
    batch = await client.finished(post["batch_id"])
    answer = await client.get(f"/v1/batches/{post['batch_id']}/receipt")
    assert answer["batch_id"] == post["batch_id"]
    claims = await _verify(client, answer["receipt"])
    counters = claims.pop("counters")
    assert (claims.pop("status"), claims.pop("finished_at")) == ("PARTIAL_FAIL", batch["finished_at"])
    assert claims == await _verify(client, post["receipt"])
    assert counters == {name: batch[name] for name in counters} and counters["rejected"] == 1


async def test_a_dry_run_s_receipt_says_so(client: Client) -> None:
    answer = await client.post(BODY, "delta", **{"X-Inova-Dry-Run": "true"}, **PREFER)
    assert (await _verify(client, answer.json()["receipt"]))["dry_run"] is True


async def test_receipts_of_an_earlier_key_stay_verifiable(signing: Settings) -> None:
    receipts = []
    for key in (*KEYS, KEYS[0]):
        async with running(signing.model_copy(update={"receipt_key": key}), []) as client:
            await _get_key(client)
            records = [{"PRODUCTID": len(receipts) + 1, "TITLE": "x"}]
            receipts.append((await client.post(records, "delta", **PREFER)).json()["receipt"])
            for receipt in receipts:
                await _verify(client, receipt)
    async with running(signing.model_copy(update={"receipt_key": None}), []) as client:
        for receipt in receipts:
            await _verify(client, receipt)
        assert len((await client.http.get("/.well-known/jwks.json")).json()["keys"]) == 2


async def test_a_hub_without_a_key_accepts_posts_and_signs_nothing(settings: Settings) -> None:
    async with running(settings, []) as client:
        await _get_key(client)
        answer = await client.post(BODY, "delta", **PREFER)
        assert answer.status_code == 202 and "receipt" not in answer.json()
        assert "Preference-Applied" not in answer.headers
        assert answer.headers["X-Inova-Notice"].startswith("no receipt: this hub signs none")
        assert "X-Inova-Notice" not in (await client.post(BODY, "delta")).headers
        path = f"/v1/batches/{answer.json()['batch_id']}/receipt"
        refused = await client.http.get(path, headers={"X-Api-Key": client.key})
        assert (refused.status_code, refused.json()["code"]) == (409, "receipts_off")
        assert (await client.http.get("/.well-known/jwks.json")).json() == {"keys": []}


async def test_batches_of_others_and_operations_have_no_receipt(client: Client) -> None:
    batch = await client.load(BODY, "delta")
    other = (await client.admin("POST", "/admin/pharmacies/33000167000101/api-key"))["api_key"]
    answer = await client.http.get(f"/v1/batches/{batch['batch_id']}/receipt", headers={"X-Api-Key": other})
    assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")
    replay = await client.http.post(
        f"/v1/batches/{batch['batch_id']}/replay", headers={"X-Admin-Api-Key": "an-admin-key-for-tests"}
    )
    path = f"/v1/batches/{replay.json()['batch_id']}/receipt"
    async with asyncio.timeout(20):
        answer = await client.http.get(path, headers={"X-Api-Key": client.key})
    assert (answer.status_code, answer.json()["code"]) == (409, "receipt_not_a_post")
