"""Seekable zstd: a text as independent frames with a seek table at the end, so that a slice is the frames it touches.

The format is that of zstd's `contrib/seekable_format`, with checksums. A skippable frame before the seek table guards
it by a checksum of its own. A decoder that knows none of this reads the text as one stream: it skips both.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import xxhash
import zstandard

FRAME_BYTES = 128 * 1024  # of text per frame
_MAX_FRAME_BYTES = 4 << 20  # of a frame, as text and as stored: the memory that a damaged seek table can claim
_MAX_FRAMES = 1 << 20
_LEVEL = 1
_SKIPPABLE_HEADER = struct.Struct("<II")  # magic number, bytes that follow
_ENTRY = struct.Struct("<III")  # stored bytes, bytes of text, low 32 bits of the XXH64 of the text
_FOOTER = struct.Struct("<IBI")  # frames, descriptor, magic number
_GUARD = struct.Struct("<IIQ")  # header of a skippable frame, XXH64 of the seek table
_TABLE_MAGIC, _GUARD_MAGIC, _FOOTER_MAGIC = 0x184D2A5E, 0x184D2A51, 0x8F92EAB1
_HAS_CHECKSUMS = 0x80  # the only descriptor that is written
_CHECKSUM_BYTES = 4
FOOTER_BYTES = _FOOTER.size


class FrameError(ValueError):
    """Frames or their seek table are damaged."""


class SeekableWriter:
    """Compressor of one text into frames."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(_LEVEL, write_checksum=True)
        self._held = bytearray()
        self._entries = bytearray()

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Take a block of the text, and yield the frames that it fills."""
        self._held += block
        while len(self._held) >= FRAME_BYTES:
            text = bytes(self._held[:FRAME_BYTES])
            del self._held[:FRAME_BYTES]
            yield self._compress(text)

    def close(self) -> bytes:
        """Return the last frame, the guard and the seek table."""
        last = self._compress(bytes(self._held)) if self._held else b""
        table = _SKIPPABLE_HEADER.pack(_TABLE_MAGIC, len(self._entries) + FOOTER_BYTES) + self._entries
        table += _FOOTER.pack(len(self._entries) // _ENTRY.size, _HAS_CHECKSUMS, _FOOTER_MAGIC)
        return last + _GUARD.pack(_GUARD_MAGIC, _GUARD.size - _SKIPPABLE_HEADER.size, _digest(table)) + table

    def _compress(self, text: bytes) -> bytes:
        frame = self._compressor.compress(text)
        self._entries += _ENTRY.pack(len(frame), len(text), _checksum(frame))
        return frame


@dataclass(frozen=True, slots=True)
class SeekTable:
    """Where each frame begins: frame `n` is at `stored[n]` of the object and at `text[n]` of the text.

    Both lists end with the end of the last frame.
    """

    stored: "array[int]"
    text: "array[int]"
    checksums: "array[int]"

    @property
    def own_bytes(self) -> int:
        """Return the bytes of the object behind its frames: the guard and the seek table."""
        return _GUARD.size + _SKIPPABLE_HEADER.size + len(self.checksums) * _ENTRY.size + FOOTER_BYTES

    def touched(self, start: int, length: int | None = None) -> range:
        """Return the numbers of the frames that hold `length` bytes of the text from `start` on, or all the rest."""
        end = self.text[-1] if length is None else min(self.text[-1], start + length)
        if start >= end:
            return range(0)
        return range(bisect_right(self.text, start) - 1, bisect_left(self.text, end))

    def decode(self, number: int, frame: bytes) -> bytes:
        """Return the text of a frame. Raise FrameError if it is not the frame that the seek table describes."""
        size = self.text[number + 1] - self.text[number]
        if len(frame) != self.stored[number + 1] - self.stored[number]:
            raise FrameError(f"frame {number} ends early")
        try:
            parameters = zstandard.get_frame_parameters(frame)
            if parameters.content_size != size or not parameters.has_checksum:
                raise FrameError(f"frame {number} has another size than the seek table says")
            if _checksum(frame) != self.checksums[number]:
                raise FrameError(f"frame {number} has another checksum than the seek table says")
            text = zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise FrameError(f"frame {number} cannot be decoded: {error}") from error
        return text


def table_bytes(tail: bytes) -> int:
    """Return how many bytes at the end of an object hold its seek table and guard.

    `tail` are the last bytes of the object, at least FOOTER_BYTES. Raise FrameError if it does not end in a seek table.
    """
    if len(tail) < FOOTER_BYTES:
        raise FrameError("it is too short for a seek table")
    frames: int
    frames, descriptor, magic = _FOOTER.unpack_from(tail, len(tail) - FOOTER_BYTES)
    if magic != _FOOTER_MAGIC or descriptor != _HAS_CHECKSUMS or frames > _MAX_FRAMES:
        raise FrameError("it does not end in a seek table")
    return _GUARD.size + _SKIPPABLE_HEADER.size + frames * _ENTRY.size + FOOTER_BYTES


def read_table(tail: bytes) -> SeekTable:
    """Return the seek table of an object, of which `tail` are at least the last `table_bytes`.

    Raise FrameError if the seek table is damaged.
    """
    size = table_bytes(tail)
    if len(tail) < size:
        raise FrameError("its seek table ends early")
    guard, table = tail[len(tail) - size :][: _GUARD.size], tail[len(tail) - size + _GUARD.size :]
    if guard != _GUARD.pack(_GUARD_MAGIC, _GUARD.size - _SKIPPABLE_HEADER.size, _digest(table)):
        raise FrameError("its seek table has another checksum than was stored")
    if table[: _SKIPPABLE_HEADER.size] != _SKIPPABLE_HEADER.pack(_TABLE_MAGIC, len(table) - _SKIPPABLE_HEADER.size):
        raise FrameError("its seek table has another length than was stored")
    entries = list(_ENTRY.iter_unpack(table[_SKIPPABLE_HEADER.size : -FOOTER_BYTES]))
    if any(not 0 < stored <= _MAX_FRAME_BYTES or not 0 < text <= _MAX_FRAME_BYTES for stored, text, _ in entries):
        raise FrameError("its seek table names a frame of an impossible size")
    return SeekTable(
        array("Q", accumulate((stored for stored, _, _ in entries), initial=0)),
        array("Q", accumulate((text for _, text, _ in entries), initial=0)),
        array("I", (checksum for _, _, checksum in entries)),
    )


def _digest(table: bytes) -> int:
    return xxhash.xxh64_intdigest(table)


def _checksum(frame: bytes) -> int:
    """Return the checksum with which zstd ends a frame: that of its text."""
    return int.from_bytes(frame[-_CHECKSUM_BYTES:], "little")
