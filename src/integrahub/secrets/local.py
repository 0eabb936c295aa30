"""The hub's own secrets, in the folder `secrets` of its data folder, apart from database and bodies.

`pepper.key` is the pepper of all key hashes. `admin.hmac` is the hash of the operator's key. The key itself is printed
once when it is created; `admin.key` stores it only if the operator requests that. `receipt.key` signs receipts.
"""

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from integrahub.domain.api_keys import Scope, generate_key, hash_key
from integrahub.domain.chosen_keys import RECEIPT_KEY_BYTES, parse_receipt_key
from integrahub.domain.errors import ConfigurationError
from integrahub.secrets.secret_files import load_or_create_secret

SECRETS_FOLDER = "secrets"
PEPPER_FILE = "pepper.key"
_PLAIN, _HASHED, _RECEIPTS = "admin.key", "admin.hmac", "receipt.key"


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """Hash of the operator's key. `text` is the key itself, if this process has just created it, `file` its copy."""

    digest: bytes = b""
    text: str | None = field(default=None, repr=False)
    file: Path | None = None


def load_or_create_pepper(data_dir: Path) -> str:
    """Return the pepper; create it, or move it from the place of an earlier version, if missing."""
    file = data_dir / SECRETS_FOLDER / PEPPER_FILE
    _move(data_dir / PEPPER_FILE, file)
    return load_or_create_secret(file)


def load_or_create_operator_key(data_dir: Path, pepper: bytes, *, keep: bool) -> OperatorKey:
    """Return the operator's key; create it if missing. `keep`: store it in plain text, too.

    A plain-text key of an earlier version is hashed and deleted; only this call returns its `text`.
    """
    folder = data_dir / SECRETS_FOLDER
    if not keep:
        _replace_with_hash(folder / _PLAIN, folder, pepper)
    elif (plain := folder / _PLAIN).exists():
        return OperatorKey(hash_key(load_or_create_secret(plain), pepper))
    if (earlier := data_dir / _PLAIN).exists():
        text = load_or_create_secret(earlier)
    else:
        text = generate_key(frozenset({Scope.ADMIN})).text
    digest = hash_key(text, pepper)
    stored = _load_or_create_digest(folder / _HASHED, digest)
    earlier.unlink(missing_ok=True)
    if stored != digest:
        return OperatorKey(stored)
    if keep:
        load_or_create_secret(folder / _PLAIN, lambda: text)
    return OperatorKey(stored, text, folder / _PLAIN if keep else None)


def create_receipt_key(data_dir: Path) -> None:
    """Create the private key of an embedded hub's receipts, if missing."""
    load_or_create_secret(
        data_dir / SECRETS_FOLDER / _RECEIPTS, lambda: base64.b64encode(secrets.token_bytes(RECEIPT_KEY_BYTES)).decode()
    )


def read_receipt_key(data_dir: Path) -> bytes | None:
    """Return the private key of receipts; None if the data folder has none."""
    file = data_dir / SECRETS_FOLDER / _RECEIPTS
    if not file.exists():
        return None
    try:
        return parse_receipt_key(load_or_create_secret(file))
    except ValueError:
        raise ConfigurationError(
            f"The secret file {file} is damaged. Put it back from a backup, or delete it: a new key is made at the "
            "next start, and earlier receipts stay valid."
        ) from None


def print_new_key(key: OperatorKey) -> None:
    """Print a key that has just been created, and where its copy is; nothing prints it again."""
    if key.text:
        where = (
            f"The operator's key, also kept in {key.file}. / A chave do operador, guardada também em {key.file}."
            if key.file
            else "The operator's key, shown only once. Store it in a password manager. / A chave do operador, mostrada "
            "só desta vez. Guarde-a em um gerenciador de senhas."
        )
        print(f"{where}\n  {key.text}\n  export INTEGRAHUB_KEY=...", flush=True)


def read_operator_key(data_dir: Path) -> str:
    """Return the plain-text key if it is stored and this account may read it, else an empty string."""
    for file in (data_dir / SECRETS_FOLDER / _PLAIN, data_dir / _PLAIN):
        try:
            return file.read_text("utf-8").strip()
        except (OSError, ValueError):
            continue
    return ""


def _load_or_create_digest(file: Path, own: bytes) -> bytes:
    """Return the stored digest; store `own` if there is none."""
    try:
        return bytes.fromhex(load_or_create_secret(file, own.hex))
    except ValueError:
        raise ConfigurationError(
            f"The secret file {file} is damaged. Put it back from a backup, or delete it: "
            "the hub then creates and prints a new key."
        ) from None


def _replace_with_hash(plain: Path, folder: Path, pepper: bytes) -> None:
    """Replace a stored plain-text key by its hash."""
    if plain.exists():
        _load_or_create_digest(folder / _HASHED, hash_key(load_or_create_secret(plain), pepper))
        plain.unlink()


def _move(old: Path, new: Path) -> None:
    if not old.exists():
        return
    try:
        new.parent.mkdir(mode=0o700, exist_ok=True)
        if not new.exists():
            os.link(old, new)
        old.unlink()
    except FileNotFoundError:  # another process moved it first
        return
    except OSError as error:
        raise ConfigurationError(f"The secret file {old} cannot be moved to {new}: {error.strerror}.") from error
