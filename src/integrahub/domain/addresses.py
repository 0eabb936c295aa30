"""Addresses of HTTP services: which are of this machine, how they are written, which cannot be used."""

import ipaddress
from urllib.parse import urlsplit

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address."""
    try:
        return _ip(host).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def is_local_url(url: str) -> bool:
    """Return whether a URL, or an address without scheme, is of this machine."""
    try:
        return is_loopback(urlsplit(url if "://" in url else f"//{url}").hostname or "")
    except ValueError:
        return False


def local_url(scheme: str, host: str, port: int) -> str:
    """Return where this machine reaches what listens on `host`."""
    reached = _WILDCARDS.get(host.strip("[]"), host.strip("[]"))
    return f"{scheme}://{f'[{reached}]' if ':' in reached else reached}:{port}"


def parse_http_url(text: str) -> str:
    """Return a URL without blanks around it or a slash at its end. ValueError when no HTTP service can be there."""
    url = text.strip().rstrip("/")
    expected = "expected an address such as http://127.0.0.1:8000"
    if any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise ValueError(f"it holds blanks or line ends; {expected}")
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
    found = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
