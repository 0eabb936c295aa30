"""Secret files that the hub creates in its data folder."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from integrahub.domain.errors import ConfigurationError

CA_FILE = "authority.pem"  # CA of `up --tls`, in the folder `tls` of the data folder


def load_or_create_secret(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
    """Return the content of the file; create it with `make` if missing. Of concurrent processes, the first one wins."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _create_secret(path, make())
        content = path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        content = ""
    except OSError as error:
        raise ConfigurationError(f"The secret file {path} cannot be read or made: {error.strerror}.") from error
    if not content or not content.isprintable():
        raise ConfigurationError(
            f"The secret file {path} is empty or damaged. Put it back from a backup. Without one, delete it: a new "
            "secret is created, and all keys made with the old one become invalid."
        )
    return content


def _create_secret(path: Path, content: str) -> None:
    """Flush the secret to disk before it gets its name, so that a full disk or a crash leaves no empty file."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("x") as file:
            temporary.chmod(0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
