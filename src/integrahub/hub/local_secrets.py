"""The pepper and the operator's key, from settings or from the data folder."""

from typing import NamedTuple

from integrahub.domain.api_keys import hash_key
from integrahub.secrets.local import OperatorKey, load_or_create_operator_key, load_or_create_pepper
from integrahub.settings.model import Settings


class HubSecrets(NamedTuple):
    """Secrets that authenticate API keys; workers have none of them."""

    pepper: bytes = b""
    operator: OperatorKey = OperatorKey()


def load_secrets(settings: Settings) -> HubSecrets:
    """Return the pepper and the operator's key from settings, or else from the data folder, creating them if absent."""
    pepper = load_pepper(settings)
    if settings.admin_api_key:
        return HubSecrets(pepper, OperatorKey(hash_key(settings.admin_api_key, pepper)))
    return HubSecrets(pepper, load_or_create_operator_key(settings.data_dir, pepper, keep=settings.keep_admin_key))


def load_pepper(settings: Settings) -> bytes:
    """Return the secret of the HMAC that hashes API keys: from settings, or generated once in the data folder."""
    return (settings.key_pepper or load_or_create_pepper(settings.data_dir)).encode()
