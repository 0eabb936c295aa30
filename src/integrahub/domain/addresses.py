"""Hosts and URLs of HTTP services: validation, loopback, local URLs."""

import ipaddress
from urllib.parse import urlsplit

# Addresses that mean "all interfaces", and the loopback address to connect to instead.
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def is_loopback(host: str) -> bool:
    """Return whether the host is a loopback address or a name for one."""
    try:
        return _ip(host).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def is_local_url(url: str) -> bool:
    """Return whether the host of a URL, or of an address without a scheme, is loopback."""
    try:
        return is_loopback(urlsplit(url if "://" in url else f"//{url}").hostname or "")
    except ValueError:
        return False


def local_url(scheme: str, host: str, port: int) -> str:
    """Return the URL by which a process on this machine reaches a server that listens on `host`."""
    target = _WILDCARDS.get(host.strip("[]"), host.strip("[]"))
    return f"{scheme}://{f'[{target}]' if ':' in target else target}:{port}"


def parse_http_url(text: str) -> str:
    """Return the URL without surrounding blanks and final slash; raise ValueError if it is no HTTP URL."""
    url = text.strip().rstrip("/")
    expected = "expected an address such as http://127.0.0.1:8000"
    if any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise ValueError(f"the URL contains blanks or line ends; {expected}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if host and ":" in host:
            _ip(host)
    except ValueError as error:
        raise ValueError(f"{error}; {expected}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or parts.query or parts.fragment:
        raise ValueError(expected)
    return url


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
