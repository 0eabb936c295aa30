"""Upload of a body that is framed: its text is yielded as it is counted and hashed, in every encoding."""

import gzip
import hashlib
import random
from collections.abc import AsyncIterator, Callable

import pytest
import zstandard

from integrahub.domain.errors import BadRequest, PayloadTooLarge
from integrahub.domain.parsing.charsets import create_transcoder
from integrahub.pipeline.ingest.upload import Upload

_TITLES = random.Random(3)
_TEXT = "".join(f'{{"PRODUCTID":{n},"TITLE":"AÇÚCAR {_TITLES.getrandbits(200):x}"}},' for n in range(4000))
_ENCODE = {"": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}


async def _blocks(sent: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(sent), size):
        yield sent[start : start + size]


def _upload(sent: bytes, encoding: str, block: int = 10_000, charset: str = "utf-8", limit: int = 1 << 30) -> Upload:
    return Upload(_blocks(sent, block), encoding, limit, transcoder=create_transcoder(charset), is_framed=True)


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
@pytest.mark.parametrize("charset", ["utf-8", "windows-1252"])
@pytest.mark.parametrize("block", [1000, 65_536, 1 << 20])
async def test_the_text_of_a_body_is_yielded_once_after_its_beginning_was_read(
    encoding: str, charset: str, block: int
) -> None:
    upload = _upload(_ENCODE[encoding](_TEXT.encode(charset)), encoding, block, charset)
    await upload.peek()
    assert await upload.read_if_small() is None
    text = b"".join([piece async for piece in upload.stream_text()])
    assert text == _TEXT.encode()
    assert (upload.decoded, upload.sha256) == (len(text), hashlib.sha256(text).digest())


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_small_encoded_body_rides_in_the_row_as_it_was_sent(encoding: str) -> None:
    sent = _ENCODE[encoding](b"[" + b'{"PRODUCTID":1,"TITLE":"SAME"},' * 9000 + b"]")
    assert await _upload(sent, encoding).read_if_small() == sent


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_limits_and_truncation_are_those_of_the_text(encoding: str) -> None:
    sent = _ENCODE[encoding](_TEXT.encode())
    whole = _upload(sent, encoding, limit=len(_TEXT) // 2)
    with pytest.raises(PayloadTooLarge):
        assert [piece async for piece in whole.stream_text()]
    truncated = _upload(sent[:-5], encoding)
    with pytest.raises(BadRequest, match="cannot be decoded"):
        assert [piece async for piece in truncated.stream_text()]


@pytest.mark.parametrize("encode", [gzip.compress, zstandard.compress])
async def test_blocks_of_a_body_that_inflates_stay_small(encode: Callable[[bytes], bytes]) -> None:
    upload = _upload(encode(bytes(60 << 20)), "gzip" if encode is gzip.compress else "zstd", 1 << 20)
    upload.inflation = 100_000
    await upload.peek()
    assert max([len(piece) async for piece in upload.stream_text()]) <= 17 << 20
