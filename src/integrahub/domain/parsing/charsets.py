"""Charsets of request bodies, and conversion of Windows-1252 to UTF-8 in a stream."""

import codecs
import re
from typing import NamedTuple

_UTF_8 = frozenset({"", "utf-8", "utf8", "utf_8", "unicode-1-1-utf-8", "us-ascii", "ascii"})
# Browsers also decode ISO-8859-1 as Windows-1252: they differ in the bytes 80 to 9F, which are controls in the former.
_WINDOWS_1252 = frozenset(
    {"windows-1252", "cp1252", "cp-1252", "x-cp1252", "win-1252", "ansi", "iso-8859-1", "iso8859-1", "iso_8859-1"}
    | {"iso88591", "latin1", "latin-1", "latin_1", "l1", "cp819", "ibm819"}
)
_TABLE = "".join(
    bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte) for byte in range(256)
)

_ACCENT_WINDOW_BYTES = 8192
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
# Group 1: a character in UTF-8. Group 2: an escaped character. No group: a letter or sign of Portuguese text in
# Windows-1252. A lead byte of UTF-8 at the end of a string may be part of a truncated character and proves nothing.
_ACCENT = re.compile(
    rb"([\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
    rb"|(\\u00[A-Fa-f][0-9A-Fa-f])"
    rb'|[\xc2\xc3\xe2](?!["\\\x80-\xbf])'
    rb"|[\xaa\xae\xb0-\xb4\xba\xbc-\xbe\xc0\xc1\xc4\xc5\xc7-\xcf\xd1-\xd6\xd9-\xdc\xe0\xe1\xe3-\xe5\xe7-\xef\xf1-\xf6\xf9-\xfc]"
)


class Accents(NamedTuple):
    """Counts of characters in UTF-8 and of escaped characters, and byte offsets of letters in Windows-1252."""

    utf8: int
    escaped: int
    alien: list[int]


def find_accents(text: bytes, start: int) -> Accents:
    """Find accented characters in the 8 KiB of a text from `start`."""
    matches = list(_ACCENT.finditer(text, start, start + _ACCENT_WINDOW_BYTES))
    alien = [match.start() for match in matches if match[1] is None and match[2] is None]
    utf8 = sum(match[1] is not None for match in matches)
    return Accents(utf8, len(matches) - utf8 - len(alien), alien)


def is_charset(name: str) -> bool:
    """Return whether a name, in lower case, is a supported charset."""
    return name in _UTF_8 or name in _WINDOWS_1252


def create_transcoder(charset: str) -> "Transcoder | None":
    """Create the converter of a charset, named in lower case, to UTF-8; None for UTF-8. Raise KeyError if unknown."""
    if charset in _UTF_8:
        return None
    if charset not in _WINDOWS_1252:
        raise KeyError(charset)
    return Transcoder()


class Transcoder:
    """Converts a stream of Windows-1252 to UTF-8.

    Some clients declare ISO-8859-1 but send UTF-8. The first block with accents decides: if all of them, or most in
    8 KiB, are valid UTF-8, the whole body is UTF-8 and stays unchanged. Text in Windows-1252 is almost never valid
    UTF-8.
    """

    def __init__(self) -> None:
        self._is_utf8: bool | None = None
        self._held = b""  # start of a character that may continue in the next block, while the charset is undecided

    def feed(self, block: bytes) -> bytes:
        """Return a block in UTF-8."""
        if self._is_utf8 is None:
            block = self._decide(self._held + block)
        return block if self._is_utf8 is not False else _convert(block)

    def close(self) -> bytes:
        """Return the bytes held back, in UTF-8."""
        held, self._held = self._held, b""
        return _convert(held)

    def _decide(self, block: bytes) -> bytes:
        self._held = b""
        if block.isascii():
            return block
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError:
            first = _NOT_ASCII.search(block)
            accents = find_accents(block, first.start() if first else 0)
            self._is_utf8 = accents.utf8 > len(accents.alien)
            return block
        if not text.isascii():
            self._is_utf8 = True
            return block
        self._held = block[len(text) :]
        return block[: len(text)]


def _convert(block: bytes) -> bytes:
    return codecs.charmap_decode(block, "strict", _TABLE)[0].encode()
