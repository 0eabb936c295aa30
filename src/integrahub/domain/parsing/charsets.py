"""Charsets that a client may declare: text in Windows-1252 or ISO-8859-1 becomes UTF-8 piece by piece."""

import codecs
import re
from typing import NamedTuple

_UTF_8 = frozenset({"", "utf-8", "utf8", "utf_8", "unicode-1-1-utf-8", "us-ascii", "ascii"})
# ISO-8859-1 is read as Windows-1252, as browsers do: the bytes 80 to 9F, where they differ, are controls in the former.
_WINDOWS_1252 = frozenset(
    {"windows-1252", "cp1252", "cp-1252", "x-cp1252", "win-1252", "ansi", "iso-8859-1", "iso8859-1", "iso_8859-1"}
    | {"iso88591", "latin1", "latin-1", "latin_1", "l1", "cp819", "ibm819"}
)
_TABLE = "".join(
    bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte) for byte in range(256)
)

_NEAR = 8192  # bytes looked at for accents
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
# A character of UTF-8; or an escaped one; or else a letter or sign that Portuguese texts in Windows-1252 have. A first
# byte of the usual characters of UTF-8 at the end of a string may be left of one that was cut: it proves nothing.
_ACCENT = re.compile(
    rb"([\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
    rb"|(\\u00[A-Fa-f][0-9A-Fa-f])"
    rb'|[\xc2\xc3\xe2](?!["\\\x80-\xbf])'
    rb"|[\xaa\xae\xb0-\xb4\xba\xbc-\xbe\xc0\xc1\xc4\xc5\xc7-\xcf\xd1-\xd6\xd9-\xdc\xe0\xe1\xe3-\xe5\xe7-\xef\xf1-\xf6\xf9-\xfc]"
)


class Accents(NamedTuple):
    """Characters of UTF-8, escaped ones, and the places of letters of Windows-1252."""

    utf8: int
    escaped: int
    alien: list[int]


def find_accents(text: bytes, start: int) -> Accents:
    """Find the accents in the 8 KiB of a text from `start`."""
    found = list(_ACCENT.finditer(text, start, start + _NEAR))
    alien = [match.start() for match in found if match[1] is None and match[2] is None]
    utf8 = sum(match[1] is not None for match in found)
    return Accents(utf8, len(found) - utf8 - len(alien), alien)


def is_charset(name: str) -> bool:
    """Return whether a name, in lower case, is a charset that the hub reads."""
    return name in _UTF_8 or name in _WINDOWS_1252


def create_transcoder(charset: str) -> "Transcoder | None":
    """Return what converts a charset, named in lower case, to UTF-8; None when it is UTF-8. KeyError when unknown."""
    if charset in _UTF_8:
        return None
    if charset not in _WINDOWS_1252:
        raise KeyError(charset)
    return Transcoder()


class Transcoder:
    """Converts Windows-1252 to UTF-8.

    Some clients declare ISO-8859-1 and send UTF-8. The first piece with accents decides: when all of them, or most in
    8 KiB, are valid UTF-8, as text in Windows-1252 hardly ever is, the whole body is UTF-8 and passes as it is.
    """

    def __init__(self) -> None:
        self._is_utf8: bool | None = None
        self._held = b""  # a character that may go on in the next piece, until the first decides

    def feed(self, piece: bytes) -> bytes:
        """Return a piece in UTF-8."""
        if self._is_utf8 is None:
            piece = self._decide(self._held + piece)
        return piece if self._is_utf8 is not False else _converted(piece)

    def close(self) -> bytes:
        """Return what was held back."""
        held, self._held = self._held, b""
        return _converted(held)

    def _decide(self, piece: bytes) -> bytes:
        self._held = b""
        if piece.isascii():
            return piece
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(piece)
        except UnicodeDecodeError:
            first = _NOT_ASCII.search(piece)
            accents = find_accents(piece, first.start() if first else 0)
            self._is_utf8 = accents.utf8 > len(accents.alien)
            return piece
        if not text.isascii():
            self._is_utf8 = True
            return piece
        self._held = piece[len(text) :]
        return piece[: len(text)]


def _converted(piece: bytes) -> bytes:
    return codecs.charmap_decode(piece, "strict", _TABLE)[0].encode()
