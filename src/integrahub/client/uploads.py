"""A catalogue file on its way: its form, its encoding, its blocks."""

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

import typer
import zstandard

_BLOCK = 1 << 18  # bytes
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_STANDARD_INPUT = Path("-")
_GAPS = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file to post: `media_type` and `encoding` as the headers say them, `size` in bytes as it is."""

    path: Path
    media_type: str
    encoding: str
    size: int

    def headers(self, load_type: str) -> dict[str, str]:
        """What the post says of itself; a FULL of lines also says how many there are, since it has no visible end."""
        headers = {"X-Inova-Load-Type": load_type, "Content-Type": self.media_type, "Content-Length": str(self.size)}
        if self.encoding:
            headers["Content-Encoding"] = self.encoding
        if self.media_type == "application/x-ndjson":
            headers["X-Inova-Item-Count"] = str(self._lines())
        return headers

    def blocks(self, seen: Callable[[int], None]) -> Iterator[bytes]:
        """The bytes as they are; `seen` hears how many each block had."""
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
                seen(len(block))

    def _lines(self) -> int:
        with _decoded(self.path, self.encoding) as file:
            return sum(1 for line in file if line.strip())


@contextmanager
def open_catalogue(path: Path) -> Iterator[CatalogueFile]:
    """Look at a file, a pipe or `-`: plain, gzip or zstd; an array or NDJSON. BadParameter when it is neither.

    What comes by a pipe is kept in a temporary file first: a FULL of lines says how many there are before the first.
    """
    if path != _STANDARD_INPUT and path.is_file():
        yield _looked_at(path, str(path))
        return
    with tempfile.NamedTemporaryFile(prefix="integrahub-send-") as kept:
        with _piped(path) as source:
            shutil.copyfileobj(source, kept, _BLOCK)
        kept.flush()
        yield _looked_at(Path(kept.name), "standard input" if path == _STANDARD_INPUT else str(path))


@contextmanager
def _piped(path: Path) -> Iterator[IO[bytes]]:
    if path != _STANDARD_INPUT:
        try:
            source = path.open("rb")
        except OSError as error:
            raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
        with source:
            yield source
    elif sys.stdin is None or sys.stdin.isatty():
        raise typer.BadParameter("nothing comes by standard input; give a file, or a pipe before `integrahub send -`")
    else:
        yield sys.stdin.buffer


def _looked_at(path: Path, name: str) -> CatalogueFile:
    try:
        encoding = _encoding_of(path)
        with _decoded(path, encoding) as file:
            head = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip(_GAPS)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise typer.BadParameter(f"{name} cannot be read: {error}") from error
    if head[:1] not in (b"[", b"{"):
        raise typer.BadParameter(f"{name} holds neither a JSON array of products nor one product a line")
    media_type = "application/json" if head[:1] == b"[" else "application/x-ndjson"
    return CatalogueFile(path, media_type, encoding, path.stat().st_size)


def _encoding_of(path: Path) -> str:
    """By its first bytes: a pipe has no name, and a name may be wrong."""
    with path.open("rb") as file:
        begin = file.read(4)
    return next((encoding for magic, encoding in _MAGIC.items() if begin.startswith(magic)), "")


def _decoded(path: Path, encoding: str) -> IO[bytes]:
    if encoding == "gzip":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if encoding == "zstd":
        reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        return io.BufferedReader(reader)
    return path.open("rb")
