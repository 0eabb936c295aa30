"""How the command line reaches a hub: proxies, certificates, and what a failed connection means."""

import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from integrahub.domain.addresses import is_local_url
from integrahub.domain.errors import ConfigurationError
from integrahub.secrets.secret_files import AUTHORITY
from integrahub.settings.model import Settings

_TIMEOUT = httpx.Timeout(30, read=300, write=300)  # seconds; a large body takes its time
_PROBE = 3.0  # seconds to find out whether a port speaks TLS


def open_http(
    url: str, settings: Settings, headers: Mapping[str, str] | None = None, timeout: httpx.Timeout = _TIMEOUT
) -> httpx.Client:
    """Return a client of the hub at `url`. This machine is never asked through a proxy, which would see the key."""
    local = is_local_url(url)
    try:
        return httpx.Client(
            base_url=url, headers=headers, timeout=timeout, verify=trusted(settings), trust_env=not local
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise ConfigurationError(
            f"The proxy {proxy_of(url) or 'of the environment'} cannot be used: {str(error).splitlines()[0]} "
            f"HTTP and HTTPS proxies work. Correct {_variables()}, or name the hub's host in NO_PROXY."
        ) from error


def trusted(settings: Settings) -> ssl.SSLContext:
    """Return the authorities that count: the system's, that of INTEGRAHUB_CA, and that of `up --tls` in the folder."""
    # Unlike create_default_context this reads no SSLKEYLOGFILE, which would write the session's keys to a file.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    own = settings.data_dir / "tls" / AUTHORITY
    for file in (settings.ca, own if own.is_file() else None):
        try:
            if file:
                context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The file {file} holds no certificate of an authority: {error}. Expected a PEM file."
            ) from error
    return context


def proxy_of(url: str) -> str | None:
    """Return the proxy of the environment that stands before `url`, without its password."""
    parts = urlsplit(url)
    if is_local_url(url) or proxy_bypass(parts.hostname or ""):
        return None
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    if not proxy:
        return None
    return proxy.rpartition("@")[2] if "://" not in proxy else f"{proxy.partition('://')[0]}://{_host(proxy)}"


def _host(proxy: str) -> str:
    return proxy.partition("://")[2].rpartition("@")[2]


def _variables() -> str:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return ", ".join(name for name in names if os.environ.get(name) or os.environ.get(name.lower())) or names[-1]


def unreachable(url: str, error: httpx.TransportError) -> str:
    """Return why no answer came from `url`, and what to do."""
    text, proxy = str(error) or type(error).__name__, proxy_of(url)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"The certificate of {url} is not trusted: {text.partition('failed: ')[2] or text}. Name the file of its "
            f"authority with INTEGRAHUB_CA; `integrahub up --tls` keeps one in its data folder: tls/{AUTHORITY}."
        )
    if "SSL:" in text and url.startswith("https:"):
        return f"There is no TLS at {url}: {text}. Does it speak plain HTTP? Then its address begins with http://."
    if url.startswith("http:") and not proxy and _speaks_tls(url):
        return f"The port of {url} speaks TLS. Its address begins with https://; set INTEGRAHUB_URL."
    if proxy:
        return (
            f"The hub at {url} does not answer through the proxy {proxy} ({_variables()}): {text}. "
            "If no proxy is needed, name the hub's host in NO_PROXY."
        )
    return (
        f"The hub does not answer at {url}: {text}. Is it running? Start it with `integrahub up`, or set "
        "INTEGRAHUB_URL."
    )


def _speaks_tls(url: str) -> bool:
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, ValueError):
        with socket.create_connection((parts.hostname or "", parts.port or 80), _PROBE) as raw:
            context.wrap_socket(raw).close()
        return True
    return False
