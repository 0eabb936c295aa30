"""Errors of backups, as sentences for the operator."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integrahub.domain.errors import IntegraHubError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class BackupRefused(IntegraHubError):
    """The backup or the restoration cannot begin."""


class BackupFailed(IntegraHubError):
    """A file cannot be read or written."""


class BackupDamaged(IntegraHubError):
    """A file of the backup is truncated or was changed."""


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Turn an OSError of this block into BackupFailed, which names the file or else `source`."""
    try:
        yield
    except OSError as error:
        hint = " Run as the hub's account, or as root." if isinstance(error, PermissionError) else ""
        raise BackupFailed(f"{error.filename or source} cannot be read: {error.strerror or error}.{hint}") from None


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an OSError of this block into BackupFailed, which names the file or else `target`."""
    try:
        yield
    except OSError as error:
        hint = " Free space there, or choose another folder." if error.errno in _FULL else " Choose another folder."
        raise BackupFailed(f"{error.filename or target} cannot be written: {error.strerror or error}.{hint}") from None
