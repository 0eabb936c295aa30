"""Secrets of webhook endpoints at rest."""

import base64

import pytest

from integrahub.domain.errors import ConfigurationError
from integrahub.secrets.webhook_secrets import SecretSealer, generate_secret, show_secret


def test_a_sealed_secret_opens_under_the_same_pepper_only() -> None:
    secret = generate_secret()
    sealed = SecretSealer(b"pepper").seal(secret)
    assert secret not in sealed and SecretSealer(b"pepper").unseal(sealed) == secret
    with pytest.raises(ConfigurationError, match="KEY_PEPPER"):
        SecretSealer(b"another").unseal(sealed)


def test_a_secret_with_any_changed_bit_is_refused() -> None:
    sealer = SecretSealer(b"pepper")
    sealed = sealer.seal(generate_secret())
    changed = [sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :] for index in range(len(sealed))]
    for text in (*changed, b"", sealed[:10], sealed[:-1]):
        with pytest.raises(ConfigurationError):
            sealer.unseal(text)


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    sealer, secret = SecretSealer(b"pepper"), generate_secret()
    assert sealer.seal(secret) != sealer.seal(secret)


def test_a_secret_is_shown_in_the_form_of_standard_webhooks() -> None:
    secret = generate_secret()
    shown = show_secret(secret)
    assert shown.startswith("whsec_") and base64.b64decode(shown.removeprefix("whsec_")) == secret and len(secret) == 32
