"""Second factor: time-based one-time codes (RFC 6238), as authenticator apps make them."""

import base64
import os
from collections.abc import Iterator
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

_TOTP_SECRET_BYTES = 20
_CODE_DIGITS = 6
_STEP_SECONDS = 30
_ISSUER = "IntegraHub"
_DRIFT_STEPS = (0, -1, 1)  # clocks of phones that are half a minute off


def generate_totp_secret() -> bytes:
    """Return a new secret."""
    return os.urandom(_TOTP_SECRET_BYTES)


def show_totp_secret(secret: bytes) -> str:
    """Return a secret as people type it into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def build_totp_uri(secret: bytes, name: str) -> str:
    """Return the address that opens an authenticator app with the secret of a person."""
    label = quote(f"{_ISSUER}:{name}", safe="")
    text = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/{label}?secret={text}&issuer={_ISSUER}&digits={_CODE_DIGITS}&period={_STEP_SECONDS}"


def find_step(secret: bytes, code: str, time: float) -> int | None:
    """Return the time step whose code this is, the present one or a neighbour; None if it is none of them."""
    digits = "".join(code.split()).encode("ascii", "replace")
    totp = TOTP(secret, _CODE_DIGITS, SHA1(), _STEP_SECONDS)  # SHA-1 in HMAC is what apps implement
    return next(_matching_steps(totp, digits, int(time) // _STEP_SECONDS), None)


def _matching_steps(totp: TOTP, digits: bytes, now: int) -> Iterator[int]:
    for step in (now + drift for drift in _DRIFT_STEPS):
        try:
            totp.verify(digits, step * _STEP_SECONDS)
        except InvalidToken:
            continue
        yield step
