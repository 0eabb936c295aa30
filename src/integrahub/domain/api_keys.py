"""API keys: format, hash and hint; scopes; the caller that a key identifies."""

import hmac
import secrets
import zlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID, _SECRET, _CHECKSUM = 12, 32, 7  # lengths in characters of 5 bits each
PREFIX = "ihub_"


class Scope(StrEnum):
    """What a key may do."""

    INGEST = "ingest"  #: Post catalogues.
    READ = "read"  #: Read batches and products of its pharmacies.
    VIEWER = "viewer"  #: Read everything the operator can, and change nothing.
    OPERATOR = "operator"  #: Also decide on batches, replay work and set up pharmacies.
    ADMIN = "admin"  #: Also make and end keys, and post for any pharmacy.


# Each of these scopes includes those before it.
_LADDER = (Scope.VIEWER, Scope.OPERATOR, Scope.ADMIN)
CLIENT = frozenset({Scope.INGEST, Scope.READ})
OPERATORS = frozenset(_LADDER)


@cache
def expand_scopes(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """Return the scopes together with all scopes that they include."""
    highest = max((_LADDER.index(scope) for scope in scopes & OPERATORS), default=-1)
    expanded = set(scopes) | set(_LADDER[: highest + 1])
    expanded |= {Scope.READ} if highest >= 0 else set()
    return frozenset(expanded | (CLIENT if Scope.ADMIN in expanded else set()))


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that a key identifies, or a person of the console.

    `cnpjs` are the pharmacies that the key can access, None for all. `name` identifies the key in the audit log.
    `rate_limit` overrides that of the pharmacy. `key_id` is None for a key from the settings. `key_family` is the first
    key of the chain of rotations that made this key. `user_id` is that of a person of the console.
    """

    cnpjs: frozenset[str] | None
    scopes: frozenset[Scope] = CLIENT
    name: str = ""
    rate_limit: str | None = None
    address: str = ""
    key_id: UUID | None = None
    key_family: UUID | None = None
    user_id: int | None = None

    def can(self, scope: Scope) -> bool:
        """Return whether the key has the scope, or one that includes it."""
        return scope in expand_scopes(self.scopes)

    def can_see(self, cnpj: str) -> bool:
        """Return whether the key can access the pharmacy."""
        return self.cnpjs is None or cnpj in self.cnpjs

    def single_cnpj(self) -> str | None:
        """Return the CNPJ if the key is for exactly one pharmacy."""
        return next(iter(self.cnpjs)) if self.cnpjs is not None and len(self.cnpjs) == 1 else None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A generated key: its text, which the API shows only once, and the id in it."""

    text: str
    public_id: str


def _encode(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _random(length: int) -> str:
    return _encode(secrets.randbits(5 * length), length)


def _checksum(text: str) -> str:
    return _encode(zlib.crc32(text.encode()), _CHECKSUM)


def generate_key(scopes: frozenset[Scope] = CLIENT) -> NewKey:
    """Generate a key `ihub_<kind>_<id>_<secret><checksum>`, where kind is `live` or `admin`.

    Prefix and checksum let a secret scanner recognise a real key.
    """
    kind = "admin" if scopes & OPERATORS else "live"
    public_id = _random(_ID)
    body = f"{PREFIX}{kind}_{public_id}_{_random(_SECRET)}"
    return NewKey(body + _checksum(body), public_id)


def parse_key_id(key: str) -> str | None:
    """Return the id in a key that a hub generated; None if format or checksum is wrong."""
    parts = key.split("_")
    if len(parts) != 4 or parts[1] not in ("live", "admin") or len(parts[2]) != _ID:
        return None
    body, checksum = key[:-_CHECKSUM], key[-_CHECKSUM:]
    return parts[2] if len(parts[3]) == _SECRET + _CHECKSUM and checksum == _checksum(body) else None


def count_key_characters(key: str) -> int:
    """Return the length that a generated key with the prefix of this one must have."""
    kind = "admin" if key.startswith(f"{PREFIX}a") else "live"
    return len(f"{PREFIX}{kind}__") + _ID + _SECRET + _CHECKSUM


def hash_key(key: str, pepper: bytes) -> bytes:
    """Return the stored hash of a key: 32 bytes, useless without the hub's pepper."""
    return hmac.digest(pepper, key.encode("utf-8", "surrogatepass"), "sha256")


def mask_key(key: str) -> str:
    """Return the first characters of a key, enough to recognise it in a list."""
    if parse_key_id(key):
        return key.rpartition("_")[0] + "_…"
    return f"{key[:4]}…{key[-4:]}" if len(key) >= 24 else f"{key[:2]}…"
