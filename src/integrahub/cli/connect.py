"""Clients for the verbs: address, key and certificate authorities from options, settings and the data folder."""

import ssl
from contextvars import ContextVar

import typer

from integrahub.client import Client
from integrahub.client.transport import trust_authorities
from integrahub.domain.addresses import parse_http_url
from integrahub.secrets.local import read_operator_key
from integrahub.secrets.secret_files import CA_FILE
from integrahub.settings.model import Settings
from integrahub.tools.terminal.language import current_language

#: address and key given by the options `--url` and `--key`, which take precedence over the settings
hub_options: ContextVar[tuple[str | None, str | None]] = ContextVar("hub_options", default=(None, None))


def open_client(
    url: str | None = None, key: str | None = None, timeout: float | None = None, retries: int = 0
) -> Client:
    """Return a client of the hub that arguments, options or settings name, in this order."""
    settings, (url_option, key_option) = Settings(), hub_options.get()
    url, key = url or url_option, key or key_option
    return Client(
        _parse_url(url) if url else hub_url(settings),
        find_key(settings, key),
        trusted=load_trusted(settings),
        language=current_language(),
        timeout=timeout,
        retries=retries,
    )


def hub_url(settings: Settings) -> str:
    """Return the address of the hub according to the settings."""
    return settings.url or settings.own_url


def _parse_url(url: str) -> str:
    try:
        return parse_http_url(url)
    except ValueError as error:
        raise typer.BadParameter(f"{url!r}: {error}", param_hint="--url") from None


def find_key(settings: Settings, key: str | None = None) -> str:
    """Return the key given, or that of the settings, or the operator's key if this account can read it, or ''."""
    return key or settings.key or settings.admin_api_key or read_operator_key(settings.data_dir)


def load_trusted(settings: Settings) -> ssl.SSLContext:
    """Return the trusted authorities: the system's, INTEGRAHUB_CA, and that of `up --tls` in the data folder."""
    own = settings.data_dir / "tls" / CA_FILE
    return trust_authorities(*(file for file in (settings.ca, own if own.is_file() else None) if file))
