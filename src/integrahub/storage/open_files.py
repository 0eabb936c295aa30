"""Files that are being written or read, one blocking call at a time."""

import os
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO


class Abandoned(OSError):
    """Nobody waits for this file any more."""


class Writing:
    """A file written aside and renamed into place when it is whole."""

    def __init__(self, aside: Path, target: Path) -> None:
        self._aside = aside
        self._target = target
        self._file: BinaryIO | None = None
        self._abandoned = False
        self._done = False

    def open(self) -> None:
        """Create it aside."""
        self._file = self._aside.open("xb")

    def write(self, part: Sequence[bytes]) -> None:
        """Append blocks."""
        assert self._file is not None
        self._file.writelines(part)

    def finish(self) -> None:
        """Flush it to the disk, give it its name, flush that too. Abandoned meanwhile, it gets no name."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self._abandoned:
            raise Abandoned(f"{self._target.name} came too late")
        self._aside.replace(self._target)
        self._done = True
        flush_folder(self._target.parent)

    def abandon(self) -> None:
        """Give it no name any more."""
        self._abandoned = True

    def tidy(self) -> None:
        """Remove what was not finished."""
        if self._done:
            return
        with suppress(OSError):  # what was buffered may not fit the disk
            if self._file:
                self._file.close()
        self._aside.unlink(missing_ok=True)


class Reading:
    """A file read in blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def open(self, start: int) -> None:
        """Open it at `start`."""
        self._file = FileIO(self._path, "rb")
        self._file.seek(start)

    def read(self, most: int) -> bytes:
        """Give up to `most` bytes; none at the end."""
        assert self._file is not None
        return self._file.read(most)

    def abandon(self) -> None:
        """Nothing can be spared: `tidy` comes."""

    def tidy(self) -> None:
        """Close it."""
        if self._file:
            self._file.close()


def flush_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
