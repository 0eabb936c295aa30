"""Bodies that cost more than they are worth are refused during the upload; honest ones are unaffected."""

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import zstandard

from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running

OTHER = "33000167000101"
_RECORD = b'{"PRODUCTID":1,"TITLE":"A","DESCRIPTION":"%s"}'


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Client]:
    """Yield an API without workers, with a short body timeout and 8 MB per body."""
    async with _opened(settings, max_payload_size=8 << 20) as client:
        yield client


@asynccontextmanager
async def _opened(settings: Settings, max_payload_size: int) -> AsyncIterator[Client]:
    bounds = {"max_payload_size": max_payload_size, "body_patience": 0.3, "max_inflation": 50}
    async with running(settings.model_copy(update=bounds), []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _sent(door: Client, blocks: AsyncIterator[bytes], **headers: str) -> tuple[int, str]:
    given = {"X-Inova-Load-Type": "full", "X-Api-Key": door.key, "Content-Type": "application/json"} | headers
    answer = await door.http.post("/v1/inovafarma/products", content=blocks, headers=given)
    return answer.status_code, answer.json().get("code", "")


async def _blocks(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_body_that_expands_beyond_all_measure_is_refused_before_it_does(door: Client, encoding: str) -> None:
    body = b"[" + _RECORD % (b" " * 6_000_000) + b"]"
    encoded = gzip.compress(body) if encoding == "gzip" else zstandard.compress(body)
    assert len(encoded) < 10_000
    assert await _sent(door, _blocks(encoded), **{"Content-Encoding": encoding}) == (413, "body_inflates")


async def test_an_honest_body_may_be_encoded_as_well_as_can_be(door: Client) -> None:
    records = b",".join(b'{"PRODUCTID":%d,"TITLE":"DIPIRONA 500MG","PRICE":%d}' % (n, n) for n in range(1, 40_000))
    encoded = zlib.compress(b"[" + records + b"]", 9, wbits=31)
    assert (await _sent(door, _blocks(encoded), **{"Content-Encoding": "gzip"}))[0] == 202


async def test_encoded_bytes_that_come_to_nothing_end_at_the_limit_too(settings: Settings) -> None:
    empty = gzip.compress(b"") * 3_000

    async def endless() -> AsyncIterator[bytes]:
        yield gzip.compress(b'[{"PRODUCTID":1,"TITLE":"A"}')
        while True:
            yield empty

    async with _opened(settings, max_payload_size=1 << 20) as door:
        assert await _sent(door, endless(), **{"Content-Encoding": "gzip"}) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("sent", "suggestion"),
    [
        ("05927228000146", CNPJ),
        ("05927280200145", None),
        ("05.927.282/0001-45", CNPJ),
        ("05927228000", None),
        ("33000167000102", None),
    ],
)
async def test_a_mistyped_cnpj_is_answered_with_the_one_pharmacy_of_the_key_that_it_is_near(
    door: Client, sent: str, suggestion: str | None
) -> None:
    await door.admin("PUT", f"/admin/pharmacies/{OTHER}", {"name": "not this key's"})
    asked = {"cnpjs": [CNPJ, "11222333000181"]}
    key = (await door.admin("POST", "/admin/keys", asked))["api_key"]
    answer = await door.post([{"CNPJ": sent, "PRODUCTID": 1, "TITLE": "A"}], **{"X-Api-Key": key})
    assert answer.status_code == 400
    assert answer.json().get("suggestion") == suggestion
    assert suggestion is None or suggestion in answer.json()["message_pt"]


async def test_the_schema_of_records_is_published_without_a_key(door: Client) -> None:
    answer = await door.http.get("/schemas/inovafarma-product.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")
    assert answer.json()["$defs"]["full"]
