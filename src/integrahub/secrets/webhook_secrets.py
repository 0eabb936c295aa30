"""Secrets that sign webhooks, generated per endpoint; and how secrets are encrypted under a key from KEY_PEPPER."""

import base64
import secrets
from functools import cached_property
from typing import TYPE_CHECKING

from integrahub.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX = "whsec_"
_SECRET_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"  # of the sealing: AES-256-GCM, key by HKDF-SHA256
_WEBHOOKS_INFO = b"integrahub webhook secrets v1"
SECOND_FACTORS_INFO = b"integrahub second factors v1"


def generate_secret() -> bytes:
    """Return a new secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def show_secret(secret: bytes) -> str:
    """Return a secret as receivers configure it, in the form of Standard Webhooks."""
    return PREFIX + base64.b64encode(secret).decode()


class SecretSealer:
    """Encrypt and decrypt secrets, by default of webhook endpoints. Its first use imports the cryptography.

    `info` names what the secrets are of: each kind has its own key.
    """

    def __init__(self, pepper: bytes, info: bytes = _WEBHOOKS_INFO) -> None:
        self._pepper = pepper
        self._info = info

    @cached_property
    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=self._info).derive(self._pepper))

    def seal(self, secret: bytes) -> bytes:
        """Return the secret encrypted: version, nonce, ciphertext with its tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, _VERSION)

    def unseal(self, sealed: bytes) -> bytes:
        """Return the secret; raise ConfigurationError if it was sealed under another KEY_PEPPER, or was changed."""
        from cryptography.exceptions import InvalidTag

        version, nonce, text = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, text, version)
        except (InvalidTag, ValueError):
            raise ConfigurationError(
                "A stored secret cannot be decrypted: INTEGRAHUB_KEY_PEPPER is not the one under which it was stored. "
                "Set the earlier pepper. Otherwise rotate the secret of a webhook (POST /v1/webhook/rotate with "
                "old_ends_in_hours 0), or give a person with a second factor a new link (`integrahub user reset NAME`)."
            ) from None
