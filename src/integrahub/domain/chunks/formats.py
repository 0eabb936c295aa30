"""Formats of a stored chunk: a separate object, or a slice of the body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
import zstandard

from integrahub.domain.parsing.raw_records import OversizeRecord
from integrahub.domain.parsing.reader import read_all

# Records and bytes of one JSON array: few enough that the array and all that is decoded from it stay in the CPU cache.
_MAX_ARRAY_RECORDS = 250
_MAX_ARRAY_BYTES = 128 * 1024
_ZSTD_LEVEL = 1


class ChunkObject(msgspec.Struct, array_like=True):
    """Raw records of a chunk with their positions and byte offsets in the body.

    A slot is the index of a record in its chunk. `oversize` maps the slot of a record that is too long to its full
    length; of such a record only the prefix is stored. The order of the fields is the storage format.
    """

    positions: list[int]
    offsets: list[int]
    records: list[bytes]
    oversize: dict[int, int]

    def json_arrays(self) -> Iterator[bytes]:
        """Yield all records as JSON arrays of a few hundred records; nothing if the chunk has oversize records."""
        for start in range(0, 0 if self.oversize else len(self.records), _MAX_ARRAY_RECORDS):
            yield join_array(self.records[start : start + _MAX_ARRAY_RECORDS])

    def json_text(self) -> bytes | None:
        """Return all records as a JSON array without brackets; None if the chunk has oversize records."""
        return None if self.oversize else b",".join(self.records)

    def to_object(self) -> ChunkObject:
        return self

    def encode(self) -> bytes:
        """Return the stored form: MessagePack, compressed with zstd."""
        return zstandard.compress(msgspec.msgpack.encode(self), _ZSTD_LEVEL)

    def record(self, slot: int) -> bytes | OversizeRecord:
        """Return the record in a slot."""
        length = self.oversize.get(slot)
        return self.records[slot] if length is None else OversizeRecord(self.records[slot], length)


@dataclass(slots=True)
class BodySlice:
    """A chunk that is a byte range of its body.

    `content` is the decoded text between the brackets, or the lines of NDJSON; `start` its byte offset in the decoded
    body; `first` the position of its first record. The split step makes slices only of records within the limit of
    length.
    """

    content: bytes
    media_type: str
    start: int
    first: int
    _object: ChunkObject | None = None

    def json_arrays(self) -> Iterator[bytes]:
        """Yield all records as JSON arrays; nothing for NDJSON.

        The slice is cut at text that looks like the border of two records. An array that parses holds whole records.
        """
        start = len(self.content) if self._is_ndjson else 0
        while start < len(self.content):
            end = start + _MAX_ARRAY_BYTES
            if end < len(self.content):
                end = self.content.rfind(b"},{", start, end) + 1 or len(self.content)
            yield b"[" + self.content[start:end] + b"]"
            start = end + 1

    def json_text(self) -> bytes | None:
        """Return all records as a JSON array without brackets; None for NDJSON."""
        return None if self._is_ndjson else self.content

    @property
    def _is_ndjson(self) -> bool:
        return "ndjson" in self.media_type

    def to_object(self) -> ChunkObject:
        """Return the records one by one. The first call parses them."""
        if self._object is None:
            text = self.content if self._is_ndjson else b"[" + self.content + b"]"
            raw = read_all(text, self.media_type, len(self.content))
            records = [bytes(record) for record in raw.records if not isinstance(record, OversizeRecord)]
            shift = self.start - (not self._is_ndjson)
            offsets = [shift + offset for offset in raw.offsets]
            positions = list(range(self.first, self.first + len(records)))
            self._object = ChunkObject(positions, offsets, records, {})
        return self._object


Chunk = ChunkObject | BodySlice


def join_array(records: Iterable[bytes]) -> bytes:
    """Return raw records as a JSON array."""
    return b"[" + b",".join(records) + b"]"


def decode_chunk_object(stored: bytes) -> ChunkObject:
    """Decode what `ChunkObject.encode` returned."""
    return msgspec.msgpack.decode(zstandard.decompress(stored), type=ChunkObject)
