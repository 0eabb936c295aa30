"""HTTP connections to a hub: proxies, certificates, and explanations of failed connections."""

import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from integrahub.domain.addresses import is_local_url
from integrahub.domain.errors import ConfigurationError
from integrahub.secrets.secret_files import CA_FILE

_TIMEOUT = httpx2.Timeout(30, read=300, write=300)  # seconds; long enough for a large body
_TLS_PROBE_TIMEOUT_SECONDS = 3.0


def open_http(
    url: str, trusted: ssl.SSLContext, headers: Mapping[str, str] | None = None, timeout: httpx2.Timeout = _TIMEOUT
) -> httpx2.Client:
    """Return an HTTP client of the hub at `url`. Requests to this machine bypass proxies, which would see the key."""
    local = is_local_url(url)
    try:
        return httpx2.Client(base_url=url, headers=headers, timeout=timeout, verify=trusted, trust_env=not local)
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise ConfigurationError(
            f"The proxy {proxy_of(url) or 'of the environment'} is not usable: {str(error).splitlines()[0]} "
            f"Expected an HTTP or HTTPS proxy. Correct {_proxy_variables()}, or add the hub's host to NO_PROXY."
        ) from error


def trust_authorities(*files: Path) -> ssl.SSLContext:
    """Return a context that trusts the system's certificate authorities and those in `files` (PEM)."""
    # Unlike create_default_context this reads no SSLKEYLOGFILE, which would write the session's keys to a file.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    for file in files:
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The file {file} holds no certificate of an authority: {error}. Expected a PEM file."
            ) from error
    return context


def proxy_of(url: str) -> str | None:
    """Return the proxy that the environment sets for `url`, without its password."""
    parts = urlsplit(url)
    if is_local_url(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy.rpartition("@")[2] if "://" not in proxy else f"{proxy.partition('://')[0]}://{_host(proxy)}"


def _host(proxy: str) -> str:
    return proxy.partition("://")[2].rpartition("@")[2]


def _proxy_variables() -> str:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return ", ".join(name for name in names if os.environ.get(name) or os.environ.get(name.lower())) or names[-1]


def unreachable(url: str, error: httpx2.TransportError) -> str:
    """Return why the connection to `url` failed, and what to do."""
    text, proxy = str(error) or type(error).__name__, proxy_of(url)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"The certificate of {url} is not trusted: {text.partition('failed: ')[2] or text}. Set INTEGRAHUB_CA to "
            f"the certificate file of its authority; `integrahub up --tls` writes it to tls/{CA_FILE} in its data "
            "folder."
        )
    if "SSL:" in text and url.startswith("https:"):
        return f"There is no TLS at {url}: {text}. For a hub without TLS, use an address that begins with http://."
    if url.startswith("http:") and not proxy and _speaks_tls(url):
        return f"The port of {url} speaks TLS. Set INTEGRAHUB_URL to an address that begins with https://."
    if proxy:
        return (
            f"The hub at {url} does not answer through the proxy {proxy} ({_proxy_variables()}): {text}. "
            "If no proxy is needed, add the hub's host to NO_PROXY."
        )
    return (
        f"The hub does not answer at {url}: {text}. Is it running? Start it with `integrahub up`, or set "
        "INTEGRAHUB_URL."
    )


def _speaks_tls(url: str) -> bool:
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = parts.hostname or "", parts.port or 80
    with suppress(OSError, ValueError):
        with socket.create_connection(address, _TLS_PROBE_TIMEOUT_SECONDS) as connection:
            context.wrap_socket(connection).close()
        return True
    return False
