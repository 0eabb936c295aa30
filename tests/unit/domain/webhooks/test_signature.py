"""Signatures of webhooks, verified by the public library of Standard Webhooks."""

import base64
from time import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from integrahub.domain.webhooks.signature import webhook_headers

_OLD, _NEW = b"o" * 32, b"n" * 32
_BODY = '{"type":"webhook.test","data":{"name":"Drogaria São João"}}'.encode()


def _verify(secret: bytes, body: bytes, headers: dict[str, str]) -> None:
    Webhook("whsec_" + base64.b64encode(secret).decode()).verify(body, headers)


def test_a_webhook_is_verified_with_its_secret_alone() -> None:
    headers = webhook_headers([_NEW], "0199-1", int(time()), _BODY)
    _verify(_NEW, _BODY, headers)
    with pytest.raises(WebhookVerificationError):
        _verify(_OLD, _BODY, headers)
    with pytest.raises(WebhookVerificationError):
        _verify(_NEW, _BODY + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        _verify(_NEW, _BODY, headers | {"webhook-id": "0199-2"})


def test_during_a_rotation_both_secrets_verify() -> None:
    headers = webhook_headers([_NEW, _OLD], "0199-1", int(time()), _BODY)
    for secret in (_OLD, _NEW):
        _verify(secret, _BODY, headers)
