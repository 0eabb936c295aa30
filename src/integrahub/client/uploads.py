"""Catalogue files to post: their media type, encoding and blocks."""

import gzip
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

_UPLOAD_BLOCK_BYTES = 1 << 18
_INSPECTED_BYTES = 1 << 16
_ENCODINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}  # by the first bytes of a file
_STANDARD_INPUT = Path("-")
_WHITESPACE = b" \t\r\n"


class InvalidCatalogue(Exception):
    """A file cannot be read, or is no catalogue."""


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file to post: its media type, its encoding ('' for none) and its size in bytes, as the headers state them."""

    path: Path
    media_type: str
    encoding: str
    size: int

    def headers(self, load_type: str) -> dict[str, str]:
        """Return the headers of the post. NDJSON has no visible end, so its headers include the number of records."""
        headers = {"X-Inova-Load-Type": load_type, "Content-Type": self.media_type, "Content-Length": str(self.size)}
        if self.encoding:
            headers["Content-Encoding"] = self.encoding
        if self.media_type == "application/x-ndjson":
            headers["X-Inova-Item-Count"] = str(self._count_lines())
        return headers

    def blocks(self, on_sent: Callable[[int], None]) -> Iterator[bytes]:
        """Yield the file in blocks, and call `on_sent` with the size of each block after it."""
        with self.path.open("rb") as file:
            while block := file.read(_UPLOAD_BLOCK_BYTES):
                yield block
                on_sent(len(block))

    def _count_lines(self) -> int:
        with _open_decoded(self.path, self.encoding) as file:
            return sum(1 for line in file if line.strip())


@contextmanager
def open_catalogue(path: Path) -> Iterator[CatalogueFile]:
    """Open a file, a pipe or `-` (standard input): plain, gzip or zstd; a JSON array or NDJSON.

    A pipe is copied to a temporary file first, since the headers state the size. Raise InvalidCatalogue if it
    cannot be read.
    """
    if path != _STANDARD_INPUT and path.is_file():
        yield _inspect(path, str(path))
        return
    with tempfile.NamedTemporaryFile(prefix="integrahub-send-") as copy:
        with _open_pipe(path) as source:
            shutil.copyfileobj(source, copy, _UPLOAD_BLOCK_BYTES)
        copy.flush()
        yield _inspect(Path(copy.name), "standard input" if path == _STANDARD_INPUT else str(path))


@contextmanager
def _open_pipe(path: Path) -> Iterator[IO[bytes]]:
    if path != _STANDARD_INPUT:
        try:
            source = path.open("rb")
        except OSError as error:
            raise InvalidCatalogue(f"{path} cannot be read: {error.strerror}") from error
        with source:
            yield source
    elif sys.stdin is None or sys.stdin.isatty():
        raise InvalidCatalogue("standard input is empty; give a file, or a pipe before `integrahub send -`")
    else:
        yield sys.stdin.buffer


def _inspect(path: Path, name: str) -> CatalogueFile:
    try:
        encoding = _detect_encoding(path)
        with _open_decoded(path, encoding) as file:
            head = file.read(_INSPECTED_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip(_WHITESPACE)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise InvalidCatalogue(f"{name} cannot be read: {error}") from error
    if head[:1] not in (b"[", b"{"):
        raise InvalidCatalogue(f"{name} holds neither a JSON array of products nor one product per line (NDJSON)")
    media_type = "application/json" if head[:1] == b"[" else "application/x-ndjson"
    return CatalogueFile(path, media_type, encoding, path.stat().st_size)


def _detect_encoding(path: Path) -> str:
    # By content, not by name: a pipe has no name, and a name may be wrong.
    with path.open("rb") as file:
        start = file.read(4)
    return next((encoding for magic, encoding in _ENCODINGS.items() if start.startswith(magic)), "")


def _open_decoded(path: Path, encoding: str) -> IO[bytes]:
    if encoding == "gzip":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if encoding == "zstd":
        reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        return io.BufferedReader(reader)
    return path.open("rb")
