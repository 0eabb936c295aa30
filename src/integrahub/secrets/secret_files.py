"""Secrets that the hub makes itself and keeps as files in its folder."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from integrahub.domain.errors import ConfigurationError

AUTHORITY = "authority.pem"  # of `up --tls`, in the folder `tls` of the data folder


def kept_secret(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
    """Read the file, or make it; two processes that start together agree on whoever made it first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make_secret(path, make())
        kept = path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        kept = ""
    except OSError as error:
        raise ConfigurationError(f"The secret file {path} cannot be read or made: {error.strerror}.") from error
    if not kept or not kept.isprintable():
        raise ConfigurationError(
            f"The secret file {path} is empty or damaged. Put it back from a backup. Without one, remove it: a new "
            "secret is made, and keys made with the old one end."
        )
    return kept


def _make_secret(path: Path, content: str) -> None:
    """Write a new secret to the disk before it gets its name, so that a full disk or a crash leaves no empty file."""
    mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with mine.open("x") as file:
            mine.chmod(0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(mine)
    finally:
        mine.unlink(missing_ok=True)
