"""The hub's own secrets, in the folder `secrets` of its data folder, apart from the database and the bodies.

`pepper.key` is what stored keys are hashed with. `admin.hmac` is the operator's key so hashed; the key itself is shown
when it is made, and kept as `admin.key` only where that is asked for.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from integrahub.domain.api_keys import Scope, generate_key, hash_key
from integrahub.domain.errors import ConfigurationError
from integrahub.secrets.secret_files import kept_secret

FOLDER = "secrets"
_PEPPER, _PLAIN, _HASHED = "pepper.key", "admin.key", "admin.hmac"


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """What the operator's key is recognised by. `text` is the key itself, known only to who has just made it."""

    digest: bytes = b""
    text: str | None = field(default=None, repr=False)


def kept_pepper(data_dir: Path) -> str:
    """Return the pepper, made once; where an earlier version kept it, it is moved."""
    place = data_dir / FOLDER / _PEPPER
    _move(data_dir / _PEPPER, place)
    return kept_secret(place)


def kept_operator_key(data_dir: Path, pepper: bytes, *, keep: bool) -> OperatorKey:
    """Return the operator's key as it is kept, or make it; `keep`: also write it down as it is.

    A key that an earlier version left in plain text is hashed and removed; its `text` is returned that once.
    """
    folder = data_dir / FOLDER
    if not keep:
        _hash_away(folder / _PLAIN, folder, pepper)
    elif (kept := folder / _PLAIN).exists():
        return OperatorKey(hash_key(kept_secret(kept), pepper))
    if (earlier := data_dir / _PLAIN).exists():
        text = kept_secret(earlier)
    else:
        text = generate_key(frozenset({Scope.ADMIN})).text
    digest = hash_key(text, pepper)
    found = _digest(folder / _HASHED, digest)
    earlier.unlink(missing_ok=True)
    if found == digest and keep:
        kept_secret(folder / _PLAIN, lambda: text)
    return OperatorKey(found, text if found == digest else None)


def show_new_key(key: OperatorKey) -> None:
    """Print a key that has just been made: nothing else ever shows it."""
    if key.text:
        print(
            "The operator's key, shown this once: keep it where passwords are kept. / A chave do operador, mostrada só "
            f"esta vez: guarde-a com as senhas.\n  {key.text}\n  export INTEGRAHUB_KEY=...",
            flush=True,
        )


def readable_operator_key(data_dir: Path) -> str:
    """Return the operator's key where it is kept as it is and this account may read it, else an empty text."""
    for place in (data_dir / FOLDER / _PLAIN, data_dir / _PLAIN):
        try:
            return place.read_text("utf-8").strip()
        except (OSError, ValueError):
            continue
    return ""


def _digest(file: Path, own: bytes) -> bytes:
    """Return the digest kept; `own` is kept when there is none yet."""
    try:
        return bytes.fromhex(kept_secret(file, own.hex))
    except ValueError:
        raise ConfigurationError(
            f"The secret file {file} is damaged. Put it back from a backup, or remove it: a new key is made and shown."
        ) from None


def _hash_away(plain: Path, folder: Path, pepper: bytes) -> None:
    """Keep a key that was written down, and is not to be any more, as its hash."""
    if plain.exists():
        _digest(folder / _HASHED, hash_key(kept_secret(plain), pepper))
        plain.unlink()


def _move(old: Path, new: Path) -> None:
    if not old.exists():
        return
    try:
        new.parent.mkdir(mode=0o700, exist_ok=True)
        if not new.exists():
            os.link(old, new)
        old.unlink()
    except FileNotFoundError:  # another process of this start was first
        return
    except OSError as error:
        raise ConfigurationError(f"The secret file {old} cannot be moved to {new}: {error.strerror}.") from error
