"""HTTP connections to a hub: proxies, certificates, and explanations of failed connections."""

import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from integrahub.client.errors import InvalidConfiguration

_TIMEOUT = httpx2.Timeout(30, read=300, write=300)  # seconds; long enough for a large body
_TLS_PROBE_TIMEOUT_SECONDS = 3.0
_LASTING_TLS_ERRORS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")
_Http = TypeVar("_Http", httpx2.Client, httpx2.AsyncClient)


def open_http(
    url: str, trusted: ssl.SSLContext, headers: Mapping[str, str] | None = None, timeout: httpx2.Timeout = _TIMEOUT
) -> httpx2.Client:
    """Return an HTTP client of the hub at `url`. Requests to this machine bypass proxies, which would see the key."""
    return _open(httpx2.Client, url, trusted, headers, timeout)


def open_async_http(
    url: str, trusted: ssl.SSLContext, headers: Mapping[str, str] | None = None, timeout: httpx2.Timeout = _TIMEOUT
) -> httpx2.AsyncClient:
    """Return an asynchronous HTTP client of the hub at `url`, like `open_http`."""
    return _open(httpx2.AsyncClient, url, trusted, headers, timeout)


def _open(
    kind: Callable[..., _Http],
    url: str,
    trusted: ssl.SSLContext,
    headers: Mapping[str, str] | None,
    timeout: httpx2.Timeout,
) -> _Http:
    local = is_local_url(url)
    try:
        return kind(base_url=url, headers=headers, timeout=timeout, verify=trusted, trust_env=not local)
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise InvalidConfiguration(
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
            raise InvalidConfiguration(
                f"The file {file} holds no certificate of an authority: {error}. Expected a PEM file."
            ) from error
    return context


def is_local_url(url: str) -> bool:
    """Return whether the host of a URL is this machine: loopback, or a name for it."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_transient(error: httpx2.TransportError) -> bool:
    """Return whether the same request may succeed later: not after a wrong certificate or protocol."""
    is_wrong = isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError)
    return not is_wrong and not any(reason in str(error) for reason in _LASTING_TLS_ERRORS)


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
            f"The certificate of {url} is not trusted: {text.partition('failed: ')[2] or text}. Trust the "
            "certificate file of its authority (in Python: `trusted`); `integrahub up --tls` writes it to "
            "tls/authority.pem in its data folder."
        )
    if "SSL:" in text and url.startswith("https:"):
        return f"There is no TLS at {url}: {text}. For a hub without TLS, use an address that begins with http://."
    if url.startswith("http:") and not proxy and _speaks_tls(url):
        return f"The port of {url} speaks TLS. Use an address that begins with https://."
    if proxy:
        return (
            f"The hub at {url} does not answer through the proxy {proxy} ({_proxy_variables()}): {text}. "
            "If no proxy is needed, add the hub's host to NO_PROXY."
        )
    return f"The hub does not answer at {url}: {text}. Check that it runs, and its address."


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
