"""Policy of the API's address: no plain HTTP to other machines unless it is asked for."""

from pathlib import Path

from integrahub.domain.addresses import is_loopback
from integrahub.domain.errors import ConfigurationError


def check_bind_address(host: str, certificate: Path | None, key: Path | None, *, plain_http: bool) -> None:
    """Raise ConfigurationError if API keys would cross a network unencrypted without PLAIN_HTTP."""
    if bool(certificate) != bool(key):
        raise ConfigurationError("INTEGRAHUB_TLS_CERT and INTEGRAHUB_TLS_KEY go together: set both, or neither.")
    if not (certificate or plain_http or is_loopback(host)):
        raise ConfigurationError(
            f"INTEGRAHUB_HOST is {host}, which other machines reach, and there is no certificate: keys would cross the "
            "network unencrypted. Set INTEGRAHUB_TLS_CERT and INTEGRAHUB_TLS_KEY, or run `up --tls`. Behind a proxy "
            "that has TLS, use --plain-http."
        )
