"""Content encodings, inflated block by block so that a bomb is noticed before it bursts."""

import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from integrahub.domain.errors import BodyError

_SLICE = 512  # encoded bytes a step: zstd may inflate these to some megabytes, never more
_OUTPUT = 1 << 18  # decoded bytes a step of gzip
_ZSTD_WINDOW = 1 << 23  # bytes: RFC 9659 lets no HTTP client ask for more


class Inflater(Protocol):
    """Decodes a stream. `feed` raises BodyError `encoding_invalid`; `close` does when the stream was cut short."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most a few megabytes."""
        ...

    def close(self) -> None:
        """No more blocks."""
        ...


class Identity:
    """No encoding."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        yield block

    def close(self) -> None:
        return


class Gzip:
    """gzip, also of several members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self._begun = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        while block:
            if self._member.eof:
                self._member = zlib.decompressobj(31)
            try:
                piece = self._member.decompress(block, _OUTPUT)
            except zlib.error as error:
                raise _broken("gzip", str(error)) from error
            self._begun = True
            block = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece

    def close(self) -> None:
        if self._begun and not self._member.eof:
            raise _broken("gzip", "it ends before its last member does")


class Zstd:
    """Zstandard, one frame or several."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._context.decompressobj()
        self._begun = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        for start in range(0, len(block), _SLICE):
            rest = block[start : start + _SLICE]
            while rest:
                if self._frame.eof:
                    self._frame = self._context.decompressobj()
                try:
                    piece = self._frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _broken("zstd", _zstd_reason(error)) from error
                self._begun = True
                rest = self._frame.unused_data if self._frame.eof else b""
                if piece:
                    yield piece

    def close(self) -> None:
        if self._begun and not self._frame.eof:
            raise _broken("zstd", "it ends before its last frame does")


def _broken(encoding: str, why: str) -> BodyError:
    return BodyError("encoding_invalid", 0, encoding=encoding, reason=why)


def _zstd_reason(error: zstandard.ZstdError) -> str:
    window = f"its window is over the {_ZSTD_WINDOW >> 20} MiB that HTTP allows; compress it without `--long`"
    return window if "too much memory" in str(error) else str(error)


def create_inflater(encoding: str) -> Inflater:
    """The decoder of a Content-Encoding: '' (none), 'gzip' or 'zstd'. KeyError for others."""
    kinds: dict[str, type[Identity] | type[Gzip] | type[Zstd]] = {"": Identity, "gzip": Gzip, "zstd": Zstd}
    return kinds[encoding]()
