"""Bodies in a declared charset are applied as UTF-8; undeclared ones in other charsets are refused."""

import gzip
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from integrahub.domain.errors import PayloadTooLarge
from integrahub.domain.parsing.charsets import Transcoder
from integrahub.pipeline.ingest.upload import Upload
from tests.integration.conftest import Client

_NDJSON = "application/x-ndjson"
_TITLES = ["PASTILHA LIMÃO", "CAFÉ", "ÁGUA 5º “EXTRA” €"]
_RECORDS = [{"PRODUCTID": n, "TITLE": title} for n, title in enumerate(_TITLES, 1)]
_TEXT = json.dumps(_RECORDS, ensure_ascii=False)
_ONE = b'[{"PRODUCTID":1,"TITLE":"SORO"}]'


def _array(records: list[dict[str, Any]]) -> str:
    return json.dumps(records, ensure_ascii=False)


def _lines(records: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records)


async def test_a_declared_charset_is_converted(client: Client) -> None:
    kinds = (("application/json", _array), (_NDJSON, _lines))
    cases = itertools.product(kinds, ("", "x-gzip"), ("windows-1252", "ISO-8859-1", '"latin1"'))
    for number, ((kind, write), encoding, charset) in enumerate(cases):
        text = write([record | {"PRICE": number} for record in _RECORDS])
        body = text.encode("cp1252")
        headers = {"Content-Type": f"{kind}; charset={charset}", "Content-Encoding": encoding}
        batch = await client.load(gzip.compress(body) if encoding else body, "delta", **headers)
        assert (batch["status"], batch["items_processed"], batch["bytes"]) == ("COMPLETED", 3, len(text.encode()))
        products = await client.products()
        assert [(item["title"], item["price"]) for item in products.values()] == [(name, number) for name in _TITLES]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_a_long_body_in_a_declared_charset_is_kept_in_utf_8(
    client: Client, pack: Callable[[bytes], bytes]
) -> None:
    text = _array([{"PRODUCTID": n, "TITLE": f"LIMÃO {n}"} for n in range(1, 3001)])
    kinds = {"Content-Type": "application/json; charset=iso-8859-1"}
    headers = kinds | ({"Content-Encoding": "gzip"} if pack is gzip.compress else {})
    first = await client.post(pack(text.encode("latin-1")), "full", **headers)
    assert first.status_code == 202
    again = await client.post(text.encode(), "full")
    assert again.json()["batch_id"] == first.json()["batch_id"]  # the same bytes once they are UTF-8
    batch = await client.finished(first.json()["batch_id"])
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 3000)
    assert (await client.get("/v1/products", q="limão 2999"))["items"][0]["title"] == "LIMÃO 2999"


async def test_offsets_mean_the_body_in_utf_8(client: Client) -> None:
    batch = await client.load(_TEXT.encode("cp1252")[:-1], **{"Content-Type": "application/json; charset=cp1252"})
    assert (batch["error"]["code"], batch["error"]["byte_offset"]) == ("body_truncated", len(_TEXT.encode()) - 1)


async def test_utf_8_declared_as_iso_8859_1_is_still_utf_8(client: Client) -> None:
    await client.load(_TEXT.encode(), "delta", **{"Content-Type": "application/json; charset=ISO-8859-1"})
    assert [item["title"] for item in (await client.products()).values()] == _TITLES


async def test_the_limit_counts_the_body_in_utf_8() -> None:
    async def blocks() -> AsyncIterator[bytes]:
        yield b"\xc3" * 600

    assert [len(block) async for block in Upload(blocks(), "", 1200, transcoder=Transcoder()).stream()] == [1200, 0]
    with pytest.raises(PayloadTooLarge):
        [block async for block in Upload(blocks(), "", 1199, transcoder=Transcoder()).stream()]


async def test_another_charset_is_refused_by_name(client: Client) -> None:
    for charset in ("utf-16", "iso-8859-15", "gbk"):
        answer = await client.post(_ONE, "delta", **{"Content-Type": f"application/json; charset={charset}"})
        assert (answer.status_code, answer.json()["code"]) == (415, "charset_unknown")
        assert charset in answer.json()["message_pt"]


async def test_an_encoding_that_changes_no_byte_is_passed_over_and_another_refused_by_name(client: Client) -> None:
    for name in ("UTF-8", "utf8", "iso-8859-1", "identity", "none", "binary", "8bit", "none, UTF-8"):
        answer = await client.post(_ONE, "delta", **{"Content-Encoding": name})
        assert answer.status_code == 202, (name, answer.text)
    for name in ("br", "deflate", "gzip, gzip", "gzip, br", "gzip;q=1"):
        answer = await client.post(gzip.compress(_ONE), "delta", **{"Content-Encoding": name})
        assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding_invalid")
        assert name in answer.json()["message"]
    answer = await client.post(gzip.compress(_ONE), "delta", **{"Content-Encoding": "gzip, UTF-8"})
    assert answer.status_code == 202, answer.text


async def test_what_is_no_catalogue_in_utf_8_is_refused_and_leaves_nothing(client: Client) -> None:
    cases = [(_TEXT.encode("cp1252"), 415, "body_not_utf8"), (_TEXT.encode("utf-16"), 415, "body_utf16")]
    cases += [(gzip.compress(_ONE), 415, "body_compressed"), (b'{"products":' + _ONE + b"}", 400, "body_wrapped")]
    for body, status, code in cases:
        answer = await client.post(body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await client.get("/v1/batches"))["items"] == []
