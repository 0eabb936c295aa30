"""Content encodings: compressed bodies are decoded in blocks, and truncation is detected."""

import gzip
import random
import zlib
from collections.abc import Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.encodings import create_inflater

_PACK = {"": lambda body: body, "gzip": gzip.compress, "zstd": zstandard.compress}


def inflate(encoding: str, blocks: Iterator[bytes]) -> bytes:
    inflater = create_inflater(encoding)
    found = b"".join(piece for block in blocks for piece in inflater.feed(block))
    inflater.close()
    return found


def cut(body: bytes, seed: int) -> Iterator[bytes]:
    draw, place = random.Random(seed), 0
    while place < len(body):
        size = draw.randint(1, 1 + len(body) // 3)
        yield body[place : place + size]
        place += size


@given(st.sampled_from(sorted(_PACK)), st.lists(st.binary(max_size=2000), min_size=1, max_size=3), st.integers())
def test_members_and_frames_in_blocks_of_any_size_are_one_body(encoding: str, parts: list[bytes], seed: int) -> None:
    packed = b"".join(_PACK[encoding](part) for part in parts)
    assert inflate(encoding, cut(packed, seed)) == b"".join(parts)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(st.binary(min_size=1, max_size=200), st.integers(min_value=1, max_value=8))
def test_a_body_cut_short_is_noticed(encoding: str, body: bytes, missing: int) -> None:
    packed = _PACK[encoding](body)[:-missing]
    with pytest.raises(BodyError) as caught:
        inflate(encoding, iter([packed]))
    assert caught.value.code == "encoding_invalid"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_not_compressed_at_all_is_refused(encoding: str) -> None:
    with pytest.raises(BodyError):
        inflate(encoding, iter([b'[{"PRODUCTID":1}]']))


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_bursts_in_small_pieces(encoding: str) -> None:
    packer = (
        zlib.compressobj(9, zlib.DEFLATED, 31) if encoding == "gzip" else zstandard.ZstdCompressor(19).compressobj()
    )
    blank = bytes(1 << 20)
    packed = b"".join(packer.compress(blank) for _ in range(256)) + packer.flush()
    inflater = create_inflater(encoding)
    pieces = (piece for block in cut(packed, 1) for piece in inflater.feed(block))
    total = 0
    for piece in pieces:
        assert len(piece) <= 64 << 20
        total += len(piece)
    assert total == 256 << 20


@pytest.mark.parametrize(("window_log", "taken"), [(23, True), (24, False), (27, False)])
def test_a_zstd_window_is_8_mib_at_most(window_log: int, taken: bool) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=window_log, strategy=1)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"a" * 1000) + packer.flush()
    if taken:
        assert inflate("zstd", iter([packed])) == b"a" * 1000
        return
    with pytest.raises(BodyError, match="window"):
        inflate("zstd", iter([packed]))
