"""Content encodings, decoded in small blocks so that a decompression bomb is detected early."""

import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from integrahub.domain.errors import BodyError

_ZSTD_INPUT_BYTES = 512  # per call; zstd can expand these to a few megabytes at most
_GZIP_OUTPUT_BYTES = 1 << 18  # per call
_ZSTD_WINDOW_BYTES = 1 << 23  # the maximum for HTTP by RFC 9659


class Inflater(Protocol):
    """Decoder of a stream. `feed` and `close` raise BodyError `encoding_invalid`, `close` for a truncated stream."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yield decoded blocks of at most a few megabytes."""
        ...

    def close(self) -> None:
        """End the stream."""
        ...


class Identity:
    """Decoder of bodies without an encoding."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        yield block

    def close(self) -> None:
        return


class Gzip:
    """Decoder of gzip, with one or several members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self._has_input = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        while block:
            if self._member.eof:
                self._member = zlib.decompressobj(31)
            try:
                decoded = self._member.decompress(block, _GZIP_OUTPUT_BYTES)
            except zlib.error as error:
                raise _error("gzip", str(error)) from error
            self._has_input = True
            block = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if decoded:
                yield decoded

    def close(self) -> None:
        if self._has_input and not self._member.eof:
            raise _error("gzip", "the stream ends inside a member")


class Zstd:
    """Decoder of Zstandard, with one or several frames."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        self._frame = self._context.decompressobj()
        self._has_input = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        for start in range(0, len(block), _ZSTD_INPUT_BYTES):
            rest = block[start : start + _ZSTD_INPUT_BYTES]
            while rest:
                if self._frame.eof:
                    self._frame = self._context.decompressobj()
                try:
                    decoded = self._frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _error("zstd", _describe(error)) from error
                self._has_input = True
                rest = self._frame.unused_data if self._frame.eof else b""
                if decoded:
                    yield decoded

    def close(self) -> None:
        if self._has_input and not self._frame.eof:
            raise _error("zstd", "the stream ends inside a frame")


def _error(encoding: str, why: str) -> BodyError:
    return BodyError("encoding_invalid", 0, encoding=encoding, reason=why)


def _describe(error: zstandard.ZstdError) -> str:
    window = f"the window exceeds the {_ZSTD_WINDOW_BYTES >> 20} MiB that HTTP allows; compress it without `--long`"
    return window if "too much memory" in str(error) else str(error)


def create_inflater(encoding: str) -> Inflater:
    """Create the decoder of a Content-Encoding: '' (none), 'gzip' or 'zstd'. Raise KeyError for others."""
    kinds: dict[str, type[Identity] | type[Gzip] | type[Zstd]] = {"": Identity, "gzip": Gzip, "zstd": Zstd}
    return kinds[encoding]()
