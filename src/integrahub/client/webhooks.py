"""Verification of webhooks that a hub sends (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from integrahub.client.errors import InvalidSignature

_PREFIX = "whsec_"
_VERSION = "v1"
_TOLERANCE_SECONDS = 300.0


def verify_webhook(
    secret: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = _TOLERANCE_SECONDS,
    now: float | None = None,
) -> Any:
    """Return the event of a webhook. Raise InvalidSignature if it is not from the hub, or older than `tolerance`.

    `body` are the bytes as received. During a rotation hand in both secrets. The hub may send one event repeatedly,
    always with the same `webhook-id`: store the id and ignore events already processed.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        event_id, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        sent = float(int(timestamp))
    except (KeyError, ValueError, OverflowError) as error:
        raise InvalidSignature(
            "The request has no webhook-id, webhook-timestamp and webhook-signature as the hub sends them."
        ) from error
    if abs((time.time() if now is None else now) - sent) > tolerance:
        raise InvalidSignature(f"The webhook is not from the last {tolerance:.0f} s. Check this machine's clock.")
    content = f"{event_id}.{timestamp}.".encode() + body
    secrets = [secret] if isinstance(secret, str) else secret
    expected = [hmac.digest(_decode_secret(each), content, hashlib.sha256) for each in secrets]
    if not any(hmac.compare_digest(one, other) for one in expected for other in _decode_signatures(signatures)):
        raise InvalidSignature("No signature of the webhook matches. Check the secret and that the body is unchanged.")
    return json.loads(body)


def _decode_secret(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise InvalidSignature(
            f"The secret is not {_PREFIX} and base64, as the hub showed it. Copy it again."
        ) from error


def _decode_signatures(header: str) -> list[bytes]:
    """Return the signatures of the known version; a header may hold several, with blanks between them."""
    found = []
    for part in header.split():
        version, _, text = part.partition(",")
        if version == _VERSION:
            try:
                found.append(base64.b64decode(text, validate=True))
            except ValueError:  # not base64, or not ASCII
                continue
    return found
