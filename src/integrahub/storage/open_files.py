"""Files that are written or read with blocking calls."""

import os
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from integrahub.storage.folders import DurableFolders


class Abandoned(OSError):
    """The caller stopped waiting for this file."""


class FileWriter:
    """Write a file aside, and rename it into place once it is complete."""

    def __init__(self, aside: Path, target: Path, folders: DurableFolders) -> None:
        self._aside = aside
        self._target = target
        self._folders = folders
        self._file: BinaryIO | None = None
        self._is_abandoned = False
        self._is_finished = False

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to clean up."""
        return self._is_finished

    def write(self, part: Sequence[bytes]) -> None:
        """Append blocks. The first call creates the file aside."""
        if self._file is None:
            self._file = self._open()
        self._file.writelines(part)

    def finish(self, part: Sequence[bytes]) -> None:
        """Append the last blocks, flush the file, rename it into place and flush the folder.

        Raise Abandoned instead of the rename if the file was abandoned.
        """
        self.write(part)
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self._is_abandoned:
            raise Abandoned(f"{self._target.name} was finished too late")
        try:
            self._aside.replace(self._target)
        except FileNotFoundError:  # the folder was removed since it was prepared
            self._folders.create(self._target.parent)
            self._aside.replace(self._target)
        self._is_finished = True
        self._folders.flush(self._target.parent)

    def abandon(self) -> None:
        """Prevent the rename."""
        self._is_abandoned = True

    def clean_up(self) -> None:
        """Remove an unfinished file."""
        if self._is_finished:
            return
        with suppress(OSError):  # closing flushes the buffer, and the disk may be full
            if self._file:
                self._file.close()
        self._aside.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        self._folders.prepare(self._target.parent)
        try:
            return self._aside.open("xb")
        except FileNotFoundError:
            self._folders.create(self._target.parent)
            return self._aside.open("xb")


class FileReader:
    """Read a file in blocks."""

    is_clean = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def open(self, start: int) -> None:
        """Open the file at `start`, which counts from the end if it is negative."""
        self._file = FileIO(self._path, "rb")
        self._file.seek(start if start >= 0 else max(0, os.fstat(self._file.fileno()).st_size + start))

    def read(self, max_bytes: int) -> bytes:
        """Return up to `max_bytes` bytes, none at the end of the file."""
        assert self._file is not None
        return self._file.read(max_bytes)

    def abandon(self) -> None:
        """Do nothing: reading has no effect to prevent."""

    def clean_up(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
