"""Whether the API may listen where it is told to."""

from pathlib import Path

from integrahub.domain.addresses import is_loopback
from integrahub.domain.errors import ConfigurationError


def check_bind_address(host: str, certificate: Path | None, key: Path | None, *, plain_http: bool) -> None:
    """ConfigurationError when keys would cross a network in the clear that nobody asked for by name."""
    if bool(certificate) != bool(key):
        raise ConfigurationError("TLS_CERT and TLS_KEY go together: set both, or neither.")
    if not (certificate or plain_http or is_loopback(host)):
        raise ConfigurationError(
            f"HOST is {host}, which others reach, and there is no certificate: keys would cross the network "
            "in the clear. Set TLS_CERT and TLS_KEY, or run `up --tls`; behind a proxy that ends TLS, ask for it: "
            "--plain-http."
        )
