"""Charsets: Windows-1252 becomes UTF-8 in blocks of any size; wrongly declared UTF-8 is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.parsing.charsets import create_transcoder, is_charset

# Signs follow a space: a letter and a sign side by side (`Ãª`) are the same bytes as a letter in UTF-8.
_TEXT = st.lists(st.sampled_from(["A", "Ç", "Ã", "O", " ", "é", " º", " ª", " “", " ”", " –", " €", " ®"])).map("".join)


def _converted(charset: str, body: bytes, size: int) -> bytes:
    transcoder = create_transcoder(charset)
    assert transcoder
    pieces = [transcoder.feed(body[place : place + size]) for place in range(0, len(body), size)]
    return b"".join([*pieces, transcoder.close()])


@given(_TEXT, st.integers(1, 50))
def test_a_text_in_windows_1252_becomes_utf_8_whatever_the_pieces(text: str, size: int) -> None:
    text = f"PASTILHA LIMÃO {text}"
    assert _converted("windows-1252", text.encode("cp1252"), size) == text.encode()


@given(_TEXT, st.integers(1, 50))
def test_utf_8_that_is_declared_as_iso_8859_1_stays_as_it_is(text: str, size: int) -> None:
    assert _converted("iso-8859-1", f"A {text}".encode(), size) == f"A {text}".encode()


@given(st.binary(max_size=200), st.integers(1, 50))
def test_no_bytes_are_lost_or_refused(body: bytes, size: int) -> None:
    found = _converted("latin1", body, size)
    assert found == body or len(found.decode()) == len(body)


def test_a_broken_character_after_utf_8_was_seen_stays_for_its_record_to_answer() -> None:
    transcoder = create_transcoder("latin1")
    assert transcoder and [transcoder.feed(piece) for piece in ("é".encode(), b"\xe9")] == ["é".encode(), b"\xe9"]


@pytest.mark.parametrize("name", ["", "utf-8", "utf8", "us-ascii"])
def test_utf_8_needs_no_conversion(name: str) -> None:
    assert create_transcoder(name) is None and is_charset(name)


@pytest.mark.parametrize("name", ["utf-16", "gbk", "iso-8859-15", "x"])
def test_another_charset_is_not_known(name: str) -> None:
    assert not is_charset(name)
    with pytest.raises(KeyError):
        create_transcoder(name)


def test_one_broken_character_among_utf_8_does_not_make_the_rest_windows_1252() -> None:
    body = 'LIMÃO CAFÉ "'.encode() + b'PASTILHA MA\xc3" ' + "AÇÚCAR".encode()
    assert _converted("iso-8859-1", body, len(body)) == body


def test_punctuation_of_windows_1252_alone_is_converted() -> None:
    assert _converted("windows-1252", b"\x93A\x94 \x96", 100) == "“A” –".encode()
