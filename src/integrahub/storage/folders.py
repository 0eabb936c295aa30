"""Folders of local storage: created once, durable before an object in them is, and flushed together."""

import os
from pathlib import Path
from threading import Lock

_MAX_DURABLE_FOLDERS = 20_000


class DurableFolders:
    """The folders below `root`. Threads share it."""

    def __init__(self, root: Path, unfinished: Path) -> None:
        self._root = root
        self._unfinished = unfinished
        self._flushes: dict[Path, SharedFlush] = {}  # of folders whose directory entry this process flushed

    def prepare(self, folder: Path) -> None:
        """Create a folder and that of unfinished puts, unless this process did before."""
        if folder not in self._flushes:
            self.create(folder)

    def create(self, folder: Path) -> None:
        """Create the folders and flush the entry of each: another process may have created one without a flush yet."""
        self._unfinished.mkdir(parents=True, exist_ok=True)
        below = [each for each in (folder, *folder.parents) if each.is_relative_to(self._root)]
        above = [each for each in self._root.parents if not each.exists()]
        not_durable = [each for each in below if each not in self._flushes or not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for each in [*not_durable, *above]:
            flush_folder(each.parent)
        if len(self._flushes) > _MAX_DURABLE_FOLDERS:
            self._flushes.clear()
        for each in below:
            self._flushes.setdefault(each, SharedFlush(each))

    def flush(self, folder: Path) -> None:
        """Make the entries of a folder durable."""
        (self._flushes.get(folder) or SharedFlush(folder))()


class SharedFlush:
    """Flush one folder; threads that wait while it is being flushed share the next flush."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = Lock()
        self._counting = Lock()
        self._requested = 0
        self._flushed = 0  # all requests up to this one are durable

    def __call__(self) -> None:
        """Return once all entries are durable that the folder had when this was called."""
        with self._counting:
            self._requested += 1
            own = self._requested
        with self._turn:
            if self._flushed >= own:
                return
            with self._counting:
                covered = self._requested
            flush_folder(self._folder)
            self._flushed = covered


def flush_folder(folder: Path) -> None:
    """Flush the directory entries of a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
