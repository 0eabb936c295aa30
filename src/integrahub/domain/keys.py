"""API keys: how they look, how they are kept, and what their bearer may see."""

import hmac
import secrets
import zlib
from dataclasses import dataclass

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `cnpjs` are the pharmacies the key may see, None meaning all."""

    cnpjs: frozenset[str] | None
    is_admin: bool = False
    key_id: str | None = None

    def may_see(self, cnpj: str) -> bool:
        """Whether the pharmacy is one of the caller's."""
        return self.cnpjs is None or cnpj in self.cnpjs

    def only(self) -> str | None:
        """The caller's pharmacy when there is exactly one."""
        return next(iter(self.cnpjs)) if self.cnpjs is not None and len(self.cnpjs) == 1 else None


def _encode(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def generate_key() -> str:
    """A new key: `ihub_live_`, 32 random characters, 7 of checksum, so that a scanner can tell a real one."""
    secret = _encode(secrets.randbits(160), 32)
    return f"ihub_live_{secret}{_encode(zlib.crc32(secret.encode()), 7)}"


def key_hash(key: str, pepper: bytes) -> bytes:
    """What is stored of a key: 32 bytes that are worth nothing without the hub's pepper."""
    return hmac.digest(pepper, key.encode(), "sha256")


def key_hint(key: str) -> str:
    """Enough to recognise the key in a list."""
    return f"{key[:10]}…{key[-4:]}" if len(key) >= 24 else f"{key[:2]}…"
