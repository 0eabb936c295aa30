"""Encoded bodies: limited in number, and decoded in slices between other requests."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
import zstandard

from integrahub.domain.errors import TooManyRequests, Unavailable
from integrahub.pipeline.ingest import decoding
from integrahub.pipeline.ingest import upload as flow_uploads
from integrahub.pipeline.ingest.decoding import Decoding
from integrahub.pipeline.ingest.upload import Upload
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, PATH, Client, running

_LARGE = (
    b"[" + b",".join(b'{"PRODUCTID":%d,"TITLE":"DIPIRONA 500MG 10 COMPRIMIDOS"}' % n for n in range(1, 150_000)) + b"]"
)
_PACKED = {"gzip": gzip.compress(_LARGE, 6), "zstd": zstandard.compress(_LARGE)}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_SLOT_TIMEOUT_SECONDS", 0.2)


async def _blocks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 64 * 1024):
        yield body[start : start + 64 * 1024]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_others_run_between_the_slices_of_encoded_bodies(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode one slice of ten bodies before anything else that is ready runs."""
    slices, turns, done = 0, 0, False
    decode = Upload._decode

    def counted(self: Upload, *given: object) -> bool:
        nonlocal slices
        slices += 1
        return decode(self, *given)  # type: ignore[arg-type]

    async def another() -> None:
        nonlocal turns, slices
        while not done:
            before, large = slices, all(upload.decoded > flow_uploads._FREE_INFLATION_BYTES for upload in uploads)
            await asyncio.sleep(0)
            assert not large or slices - before <= 1
            turns += large

    monkeypatch.setattr(Upload, "_decode", counted)
    shared = Decoding(10, 10)
    uploads = [Upload(_blocks(_PACKED[encoding]), encoding, 1 << 30, decoding=shared, client="a") for _ in range(10)]

    async def taken(upload: Upload) -> int:
        size = sum([len(block) async for block in upload.stream()])
        await upload.close()
        return size

    running = asyncio.create_task(another())
    sizes = await asyncio.gather(*map(taken, uploads))
    done = True
    await running
    assert set(sizes) == {len(_PACKED[encoding])} and turns > 50
    assert {upload.decoded for upload in uploads} == {len(_LARGE)} and len({upload.sha256 for upload in uploads}) == 1


async def test_few_bodies_of_one_client_and_of_all_are_decoded_at_once() -> None:
    shared = Decoding(2, 3)
    seats = [await shared.acquire_slot("a"), await shared.acquire_slot("a")]
    with pytest.raises(TooManyRequests):
        await shared.acquire_slot("a")
    seats.append(await shared.acquire_slot("b"))
    with pytest.raises(Unavailable):
        await shared.acquire_slot("c")
    waiting = asyncio.create_task(shared.acquire_slot("a"))
    await asyncio.sleep(0)
    await seats[0].aclose()
    seats[0] = await waiting
    for seat in seats:
        await seat.aclose()
    for client in ("a", "b", "c"):
        await (await shared.acquire_slot(client)).aclose()


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    bounds = {"max_encoded_uploads_per_pharmacy": 1, "rate_limit": "off"}
    async with running(settings.model_copy(update=bounds), []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def test_an_upload_beyond_the_bound_is_refused_and_small_ones_go_on(client: Client) -> None:
    headers = {"X-Inova-Load-Type": "full", "X-Api-Key": client.key, "Content-Encoding": "gzip"}
    more, arrived = asyncio.Event(), asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        middle = len(_PACKED["gzip"]) // 2
        yield _PACKED["gzip"][:middle]
        arrived.set()
        await more.wait()
        yield _PACKED["gzip"][middle:]

    first = asyncio.create_task(client.http.post(PATH, content=held(), headers=headers))
    await arrived.wait()
    refused = await client.http.post(PATH, content=_PACKED["gzip"], headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "encoded_uploads_at_once")
    assert int(refused.headers["Retry-After"]) > 0
    small = gzip.compress(b'[{"PRODUCTID":1,"TITLE":"A"}]')
    assert (await client.http.post(PATH, content=small, headers=headers)).status_code == 202
    more.set()
    assert (await first).status_code == 202
    again = await client.http.post(PATH, content=_PACKED["gzip"] + gzip.compress(b" "), headers=headers)
    assert again.status_code == 202, again.text
