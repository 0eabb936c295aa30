"""Catalogues to post, from files or records: media type, encoding and blocks, in constant memory."""

import gzip
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import zstandard

from integrahub.client.errors import ApiError, InvalidCatalogue

_UPLOAD_BLOCK_BYTES = 1 << 18
_INSPECTED_BYTES = 1 << 16
_MIN_COMPRESSED_BYTES = 1 << 16  # smaller files are sent as they are
_UPLOAD_ZSTD_LEVEL = 3
_ENCODINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}  # by the first bytes of a file
_STANDARD_INPUT = Path("-")
_WHITESPACE = b" \t\r\n"


class UploadListener:
    """Receives the progress of an upload. Override what is of interest."""

    def on_sent(self, total: int) -> None:
        """Receive the bytes of the source that were sent; a retry begins again at 0."""

    def on_retry(self, error: ApiError, delay: float, retries_left: int) -> None:
        """Receive the reason of a retry, the seconds before it, and how many remain."""


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file to post: its media type, its encoding ('' for none) and its size in bytes."""

    path: Path
    media_type: str
    encoding: str
    size: int

    @property
    def is_compressed_while_sent(self) -> bool:
        """Return whether `blocks` compresses: the file is plain, and not small."""
        return not self.encoding and self.size >= _MIN_COMPRESSED_BYTES

    def headers(self, load_type: str) -> dict[str, str]:
        """Return the headers of the post. NDJSON has no visible end, so its headers include the number of records."""
        headers = {"X-Inova-Load-Type": load_type, "Content-Type": self.media_type}
        if self.is_compressed_while_sent:
            headers["Content-Encoding"] = "zstd"
        else:
            headers["Content-Length"] = str(self.size)
            headers |= {"Content-Encoding": self.encoding} if self.encoding else {}
        if self.media_type == "application/x-ndjson":
            headers["X-Inova-Item-Count"] = str(self._count_lines())
        return headers

    def blocks(self, on_sent: Callable[[int], None]) -> Iterator[bytes]:
        """Yield the body in blocks; call `on_sent` with the bytes of the file that were sent so far."""
        compressor = (
            zstandard.ZstdCompressor(level=_UPLOAD_ZSTD_LEVEL).compressobj() if self.is_compressed_while_sent else None
        )
        sent = 0
        on_sent(sent)
        with self.path.open("rb") as file:
            while block := file.read(_UPLOAD_BLOCK_BYTES):
                if output := compressor.compress(block) if compressor else block:
                    yield output
                sent += len(block)
                on_sent(sent)
        if compressor:
            yield compressor.flush()

    def _count_lines(self) -> int:
        with _open_decoded(self.path, self.encoding) as file:
            return sum(1 for line in file if line.strip())


class RecordSpool:
    """Records in a temporary file, as a compressed JSON array: a post that failed is repeated from there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self._file = zstandard.open(path, "wb", cctx=zstandard.ZstdCompressor(level=_UPLOAD_ZSTD_LEVEL))
        self._pending = bytearray(b"[")

    def add(self, record: Any) -> None:
        """Append a record: a dict, a dataclass or a msgspec.Struct. Decimals and dates become texts."""
        try:
            encoded = msgspec.json.encode(record)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidCatalogue(f"Record {self._count} cannot be written as JSON: {error}") from error
        self._pending += b",\n" + encoded if self._count else encoded
        self._count += 1
        if len(self._pending) >= _UPLOAD_BLOCK_BYTES:
            self._write()

    def finish(self) -> CatalogueFile:
        """End the array and return the file to post. Raise InvalidCatalogue without records."""
        if not self._count:
            raise InvalidCatalogue("There is no record to send.")
        self._pending += b"]"
        self._write()
        self._file.close()
        return CatalogueFile(self._path, "application/json", "zstd", self._path.stat().st_size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self) -> None:
        self._file.write(bytes(self._pending))
        self._pending.clear()


@contextmanager
def open_spool() -> Iterator[RecordSpool]:
    """Open an empty spool, whose file exists while the block runs."""
    with _temporary_path() as path:
        spool = RecordSpool(path)
        try:
            yield spool
        finally:
            spool.close()


@contextmanager
def open_catalogue(path: Path) -> Iterator[CatalogueFile]:
    """Open a file, a pipe or `-` (standard input): plain, gzip or zstd; a JSON array or NDJSON.

    A pipe is copied to a temporary file first, so that the post can be repeated. Raise InvalidCatalogue if it cannot
    be read.
    """
    if path != _STANDARD_INPUT and path.is_file():
        yield _inspect(path, str(path))
        return
    with _temporary_path() as copy:
        with _open_pipe(path) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, _UPLOAD_BLOCK_BYTES)
        yield _inspect(copy, "standard input" if path == _STANDARD_INPUT else str(path))


@contextmanager
def _temporary_path() -> Iterator[Path]:
    # Windows cannot open a NamedTemporaryFile a second time.
    descriptor, name = tempfile.mkstemp(prefix="integrahub-send-")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


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
        if (line := head.partition(b"\n")[0])[:1] != b"<" and any(mark in line for mark in b";,\t"):
            raise InvalidCatalogue(
                f"{name} looks like CSV. Send a JSON array of products: [{{...}}, ...]; docs/howto/posting.md "
                "converts CSV"
            )
        raise InvalidCatalogue(f"{name} holds neither a JSON array of products nor one product per line (NDJSON)")
    media_type = "application/json" if head[:1] == b"[" else "application/x-ndjson"
    return CatalogueFile(path, media_type, encoding, path.stat().st_size)


def _detect_encoding(path: Path) -> str:
    # By content: a pipe has no name, and a name may be wrong.
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
