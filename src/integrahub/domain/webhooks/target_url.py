"""URLs of webhook endpoints: strict parsing, so that no other parser can see another host in them.

Each refusal is a BadRequest with its own code.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import idna

from integrahub.domain.errors import BadRequest
from integrahub.domain.webhooks.public_addresses import Address

HTTPS_PORT = 443
MAX_URL_LENGTH = 2000  # characters
_DEFAULT_PORTS = {"https": HTTPS_PORT, "http": 80}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^#]*)(?P<fragment>#.*)?", re.S
)
_BRACKETED = re.compile(r"\[(?P<host>[^\]]*)\](?::(?P<port>.*))?")
_PLAIN = re.compile(r"(?P<host>[^:]*)(?::(?P<port>.*))?")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a last label, it makes resolvers read the host as an IPv4 address
_IPV4 = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_MAX_HOST_LENGTH = 253
_MAX_SHOWN_SEGMENT = 20  # a longer one may be a token


def hide_query(url: str) -> str:
    """Return a URL for people, without its query, whose values may be secrets of the receiver."""
    path, question_mark, _ = url.partition("?")
    return f"{path}?…" if question_mark else path


def hide_secrets(url: str) -> str:
    """Return a URL for the audit log: only the start of its path, since many receivers have their secret there."""
    start, separator, rest = hide_query(url).partition("://")
    path, question_mark, query = rest.partition("?")
    host, slash, path = path.partition("/")
    first, more, _ = path.partition("/")
    shown = first if len(first) <= _MAX_SHOWN_SEGMENT else "…"
    return f"{start}{separator}{host}{slash}{shown}{'/…' if more else ''}{question_mark}{query}"


@dataclass(frozen=True, slots=True)
class TargetUrl:
    """A URL in parts. `host` is a name in ASCII or an address without brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> Address | None:
        """The address, if the host is one."""
        return ip_address(self.host) if ":" in self.host or _IPV4.fullmatch(self.host) else None

    @property
    def netloc(self) -> str:
        """Host and port; the port is omitted if it is the one of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


def parse_target_url(text: str) -> TargetUrl:
    """Return the URL in its one canonical form. Raise BadRequest, with the reason as code, if it cannot be a target."""
    if len(text) > MAX_URL_LENGTH:
        raise BadRequest("webhook_url_too_long", length=len(text), limit=MAX_URL_LENGTH)
    if any(ord(char) <= 32 or ord(char) == 127 or char in '\\"<>^`{|}' for char in text):
        raise BadRequest("webhook_url_malformed", url=_shorten(text))
    match = _URL.fullmatch(text)
    if match is None or not match["authority"]:
        raise BadRequest("webhook_url_malformed", url=_shorten(text))
    scheme, path = match["scheme"].lower(), match["path"] or "/"
    if scheme not in _DEFAULT_PORTS:
        raise BadRequest("webhook_url_scheme", scheme=scheme[:20])
    if match["fragment"] is not None:
        raise BadRequest("webhook_url_fragment", url=_shorten(text))
    if not path.isascii():
        raise BadRequest("webhook_url_malformed", url=_shorten(text))
    host, port = _split_authority(match["authority"])
    return TargetUrl(scheme, host, _parse_port(port, scheme), path if path.startswith("/") else f"/{path}")


def _split_authority(authority: str) -> tuple[str, str]:
    """Return the host in its canonical form, and the port as text."""
    if "@" in authority or "%40" in authority:
        raise BadRequest("webhook_url_user_info")
    match = (_BRACKETED if authority.startswith("[") else _PLAIN).fullmatch(authority)
    if match is None:
        raise BadRequest("webhook_host_invalid", host=_shorten(authority))
    parse = _parse_ipv6 if authority.startswith("[") else _parse_host
    return parse(match["host"]), match["port"] or ""


def _parse_port(text: str, scheme: str) -> int:
    if not text:
        return _DEFAULT_PORTS[scheme]
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) <= 65535):
        raise BadRequest("webhook_port_invalid", port=text[:20])
    return int(text)


def _parse_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise BadRequest("webhook_host_invalid", host=_shorten(text)) from None
    if address.scope_id is not None:
        raise BadRequest("webhook_address_scoped", host=_shorten(text))
    return str(address.ipv4_mapped or address)


def _parse_host(text: str) -> str:
    """Return a host name in lower case and ASCII, without a final dot, or an IPv4 address."""
    host = _to_ascii(text).removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _parse_ipv4(host, text)
    if len(host) > _MAX_HOST_LENGTH or not all(map(_LABEL.fullmatch, labels)):
        raise BadRequest("webhook_host_invalid", host=_shorten(text))
    return host


def _to_ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode()
    except idna.IDNAError:
        # IDNA knows no addresses, and rejects digits in other scripts that resolvers may read as one.
        raise BadRequest("webhook_host_invalid", host=_shorten(text)) from None


def _parse_ipv4(host: str, text: str) -> str:
    """Return an address in dotted decimal; any other spelling of an address is refused, however public."""
    try:
        if not text.isascii() or not _IPV4.fullmatch(host):
            raise ValueError(host)
        return IPv4Address(host).compressed
    except ValueError:
        raise BadRequest("webhook_address_spelling", host=_shorten(text)) from None


def _shorten(text: str) -> str:
    return text[:80].encode("unicode_escape").decode()
