"""`verify_webhook` accepts what the public library signs, and nothing else."""

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from integrahub.client import InvalidSignature, verify_webhook

_SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl9p8Ug1AH"
_OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_NOW = 1_800_000_000
_BODY = json.dumps({"type": "batch.completed", "batch_id": "a"}).encode()


def _headers(secret: str = _SECRET, body: bytes = _BODY, sent: int = _NOW) -> dict[str, str]:
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(sent, UTC), body.decode())
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(sent), "Webhook-Signature": signature}


def test_a_webhook_of_the_hub_is_returned_as_its_event() -> None:
    assert verify_webhook(_SECRET, _headers(), _BODY, now=_NOW) == {"type": "batch.completed", "batch_id": "a"}


def test_during_a_rotation_either_secret_and_either_signature_counts() -> None:
    headers = _headers(_OTHER)
    headers["Webhook-Signature"] += " " + _headers()["Webhook-Signature"]
    assert verify_webhook(_SECRET, headers, _BODY, now=_NOW)
    assert verify_webhook([_SECRET, _OTHER], _headers(_OTHER), _BODY, now=_NOW)


@pytest.mark.parametrize(
    ("headers", "body", "now"),
    [
        (_headers(_OTHER), _BODY, _NOW),
        (_headers(), _BODY.replace(b'"a"', b'"b"'), _NOW),
        (_headers() | {"Webhook-Id": "msg_2"}, _BODY, _NOW),
        (_headers() | {"Webhook-Timestamp": str(_NOW + 1)}, _BODY, _NOW),
        (_headers() | {"Webhook-Signature": _headers()["Webhook-Signature"].replace("v1,", "v2,")}, _BODY, _NOW),
        (_headers() | {"Webhook-Signature": "v1,*"}, _BODY, _NOW),
        (_headers(), _BODY, _NOW + 301),
        (_headers(), _BODY, _NOW - 301),
        ({}, _BODY, _NOW),
        (_headers() | {"Webhook-Timestamp": "now"}, _BODY, _NOW),
        (_headers() | {"Webhook-Timestamp": "9" * 400}, _BODY, _NOW),
        (_headers() | {"Webhook-Signature": "v1,é"}, _BODY, _NOW),
    ],
)
def test_a_forged_changed_or_old_webhook_is_refused(headers: dict[str, str], body: bytes, now: int) -> None:
    with pytest.raises(InvalidSignature):
        verify_webhook(_SECRET, headers, body, now=now)


@pytest.mark.parametrize("secret", ["whsec_not base64", "whsec_ção"])
def test_a_secret_that_is_none_is_named(secret: str) -> None:
    with pytest.raises(InvalidSignature, match="Copy it again"):
        verify_webhook(secret, _headers(), _BODY, now=_NOW)
