"""A catalogue file on its way: its form, its encoding, its blocks."""

import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import typer
import zstandard

_BLOCK = 1 << 18  # bytes
_ENCODINGS = {".gz": "gzip", ".zst": "zstd"}
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


def open_catalogue(path: Path) -> CatalogueFile:
    """Look at a file: plain, .gz or .zst; an array or NDJSON. BadParameter when it is neither."""
    encoding = _ENCODINGS.get(path.suffix.lower(), "")
    try:
        with _decoded(path, encoding) as file:
            head = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip(_GAPS)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error
    if head[:1] not in (b"[", b"{"):
        raise typer.BadParameter(f"{path} holds neither a JSON array of products nor one product a line")
    media_type = "application/json" if head[:1] == b"[" else "application/x-ndjson"
    return CatalogueFile(path, media_type, encoding, path.stat().st_size)


def _decoded(path: Path, encoding: str) -> IO[bytes]:
    if encoding == "gzip":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if encoding == "zstd":
        reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        return io.BufferedReader(reader)
    return path.open("rb")
