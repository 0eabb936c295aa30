"""Keys chosen by operators: whether a header can carry them, and whether they are easy to guess."""

import base64
import binascii

MIN_KEY_LENGTH = 20
RECEIPT_KEY_BYTES = 32
_MIN_DISTINCT_CHARACTERS = 8
_MIN_DISTINCT_PAIRS = 12  # pairs of neighbours; repetitions and sequences have fewer


def is_sendable(key: str) -> bool:
    """Return whether an HTTP header carries the key unchanged: visible ASCII without blanks."""
    return key.isascii() and key.isprintable() and " " not in key


def list_unsendable_characters(key: str) -> str:
    """Return the characters of a key that no HTTP header carries, each once and escaped, at most five."""
    characters = dict.fromkeys(character for character in key if not is_sendable(character))
    return ", ".join(repr(character) for character in list(characters)[:5])


def is_weak(key: str) -> bool:
    """Return whether a key is short or repetitive, so that an attacker who has the pepper can guess it."""
    pairs = {key[place : place + 2] for place in range(len(key) - 1)}
    return len(key) < MIN_KEY_LENGTH or len(set(key)) < _MIN_DISTINCT_CHARACTERS or len(pairs) < _MIN_DISTINCT_PAIRS


def parse_receipt_key(text: str) -> bytes:
    """Return the bytes of a private key in base64 or base64url. Raise ValueError for any other text."""
    standard = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        seed = base64.b64decode(f"{standard}=", validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != RECEIPT_KEY_BYTES:
        raise ValueError("expected 32 random bytes in base64; make them by `openssl rand -base64 32`")
    return seed
