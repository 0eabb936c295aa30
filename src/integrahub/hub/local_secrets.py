"""The pepper and the operator's key, from settings or from the data folder."""

from typing import TYPE_CHECKING, NamedTuple

from integrahub.domain.api_keys import hash_key
from integrahub.domain.chosen_keys import parse_receipt_key
from integrahub.secrets.local import (
    OperatorKey,
    load_or_create_operator_key,
    load_or_create_pepper,
    read_receipt_key,
)
from integrahub.settings.model import Settings

if TYPE_CHECKING:
    from integrahub.secrets.receipt_signing import ReceiptSigner


class HubSecrets(NamedTuple):
    """Secrets that authenticate API keys and sign receipts; workers have none of them."""

    pepper: bytes = b""
    operator: OperatorKey = OperatorKey()
    receipts: "ReceiptSigner | None" = None


def load_secrets(settings: Settings) -> HubSecrets:
    """Return the secrets from settings, or else from the data folder; the first two are created there if absent."""
    pepper, receipts = load_pepper(settings), _load_receipt_signer(settings)
    if settings.admin_api_key:
        return HubSecrets(pepper, OperatorKey(hash_key(settings.admin_api_key, pepper)), receipts)
    operator = load_or_create_operator_key(settings.data_dir, pepper, keep=settings.keep_admin_key)
    return HubSecrets(pepper, operator, receipts)


def load_pepper(settings: Settings) -> bytes:
    """Return the secret of the HMAC that hashes API keys: from settings, or generated once in the data folder."""
    return (settings.key_pepper or load_or_create_pepper(settings.data_dir)).encode()


def _load_receipt_signer(settings: Settings) -> "ReceiptSigner | None":
    """Return the signer of receipts; None without a key. Only processes with a key import the cryptography."""
    key = parse_receipt_key(settings.receipt_key) if settings.receipt_key else read_receipt_key(settings.data_dir)
    if key is None:
        return None
    from integrahub.secrets.receipt_signing import ReceiptSigner

    return ReceiptSigner(key)
