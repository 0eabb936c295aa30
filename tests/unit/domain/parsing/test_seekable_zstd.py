"""Seekable zstd: any slice is read from the frames it touches, and damage is detected, never misread."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.parsing import seekable_zstd
from integrahub.domain.parsing.encodings import create_inflater
from integrahub.domain.parsing.seekable_zstd import FrameError, SeekableWriter, SeekTable, read_table, table_bytes

_FRAME = 64  # bytes of text, so that small texts have several frames
_TEXTS = st.binary(max_size=1000)


@pytest.fixture(autouse=True)
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seekable_zstd, "FRAME_BYTES", _FRAME)


def encode(text: bytes, cuts: list[int] | None = None) -> bytes:
    """Return the framed form of a text that is fed in blocks, cut at these places."""
    writer, stored = SeekableWriter(), bytearray()
    for start, end in pairwise([0, *sorted(min(cut, len(text)) for cut in cuts or []), len(text)]):
        stored += b"".join(writer.feed(text[start:end]))
    return bytes(stored + writer.close())


def read(stored: bytes, start: int = 0, length: int | None = None, table: SeekTable | None = None) -> bytes:
    """Read a slice from the frames it touches."""
    table = table or read_table(stored)
    frames = table.touched(start, length)
    if not frames:
        return b""
    text = b"".join(table.decode(each, stored[table.stored[each] : table.stored[each + 1]]) for each in frames)
    begin = start - table.text[frames[0]]
    assert begin < _FRAME and len(text) - _FRAME < begin + (len(text) if length is None else length), (
        "one frame too many"
    )
    return text[begin:] if length is None else text[begin : begin + length]


@given(_TEXTS, st.lists(st.integers(0, 1000), max_size=5), st.integers(0, 1100), st.none() | st.integers(0, 1100))
def test_any_slice_of_any_text_is_read_from_the_frames_it_touches(
    text: bytes, cuts: list[int], start: int, length: int | None
) -> None:
    stored = encode(text, cuts)
    assert read(stored, start, length) == (text[start:] if length is None else text[start : start + length])


@given(_TEXTS, st.integers(1, 2000))
def test_a_decoder_of_zstd_reads_the_whole_text_as_one_stream(text: bytes, block: int) -> None:
    stored, inflater = encode(text), create_inflater("zstd")
    decoded = b"".join(p for at in range(0, len(stored), block) for p in inflater.feed(stored[at : at + block]))
    inflater.close()
    assert decoded == text


@given(_TEXTS)
def test_the_seek_table_is_found_from_the_end_and_names_every_byte(text: bytes) -> None:
    stored = encode(text)
    table = read_table(stored[-table_bytes(stored) :])
    assert table.text[-1] == len(text) and table.stored[-1] + table.own_bytes == len(stored)


@given(_TEXTS, st.data())
def test_a_changed_byte_is_detected_or_changes_nothing(text: bytes, data: st.DataObject) -> None:
    stored = bytearray(encode(text))
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= data.draw(st.integers(1, 255))
    try:
        assert read(bytes(stored)) == text
    except FrameError:
        return


@given(_TEXTS, st.data())
def test_a_cut_or_lengthened_object_is_detected_or_reads_the_same(text: bytes, data: st.DataObject) -> None:
    stored = encode(text)
    cut = data.draw(st.integers(0, len(stored) - 1))
    for damaged in (stored[:cut], stored[cut + 1 :], stored + stored[:cut] + b"\0"):
        try:
            assert read(damaged) == text
        except FrameError:
            continue


def test_frames_in_another_order_are_detected() -> None:
    text = random.Random(1).randbytes(3 * _FRAME)
    stored = encode(text)
    table = read_table(stored)
    first, second, third = (stored[start:end] for start, end in pairwise(table.stored))
    assert len(first) == len(second)
    with pytest.raises(FrameError, match="frame 0 has another checksum"):
        read(second + first + third, table=table)


def test_a_slice_of_a_text_whose_seek_table_shifts_it_is_not_read() -> None:
    text = random.Random(1).randbytes(3 * _FRAME)
    stored = bytearray(encode(text))
    entries = len(stored) - seekable_zstd.FOOTER_BYTES - 3 * 12
    stored[entries + 4] += 1  # the first frame has one byte more, so all others begin one byte later
    with pytest.raises(FrameError, match="seek table has another checksum"):
        read(bytes(stored), 2 * _FRAME, 10)


@pytest.mark.parametrize("tail", [b"", b"[]", b"\0" * 64, b'{"PRODUCTID":1}' * 9])
def test_an_object_without_a_seek_table_is_named(tail: bytes) -> None:
    with pytest.raises(FrameError, match="seek table"):
        table_bytes(tail)


def test_a_seek_table_cannot_claim_memory() -> None:
    hostile = SeekableWriter()
    hostile._entries += seekable_zstd._ENTRY.pack(100, (4 << 20) + 1, 0)
    with pytest.raises(FrameError, match="impossible size"):
        read_table(hostile.close())
    many = bytearray(SeekableWriter().close())
    many[-9:-5] = ((1 << 20) + 1).to_bytes(4, "little")
    with pytest.raises(FrameError, match="does not end in a seek table"):
        table_bytes(bytes(many))
