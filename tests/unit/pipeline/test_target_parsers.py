"""No other parser sees another host in a URL that is accepted as a webhook target."""

import contextlib
import ipaddress
from urllib.parse import urlsplit

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.errors import BadRequest
from integrahub.domain.webhooks.public_addresses import find_kind
from integrahub.domain.webhooks.target_url import TargetUrl, parse_target_url

_PIECES = (
    *("https://", "HTTP://", "http:/", "//", "/", "\\", "@", ":", "443", "8443", "0", "?", "#", "%", "%2f", "%40", ";"),
    *(".", "..", "-", "_", "[", "]", "::1", "::ffff:", "127.0.0.1", "0x7f", "0177", "1", "example", "Example.com"),
    *("user", "\t", "\n", " ", "。", "．", "１", "①", "ß", "á", "\u00ad", "\u200d", "／", "＠", "xn--", "&", "=", "~"),
)
_TEXTS = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=9).map("".join),
    st.lists(st.sampled_from(_PIECES), max_size=9).map(lambda pieces: "https://" + "".join(pieces)),
    st.text(max_size=30).map(lambda text: f"https://{text}"),
)


@given(_TEXTS)
def test_every_parser_sees_the_same_host_and_port_in_an_accepted_url(text: str) -> None:
    with contextlib.suppress(BadRequest):
        url = parse_target_url(text)
        assert parse_target_url(str(url)) == url and str(url).isascii()
        sent_to, split = httpx2.URL(str(url)), urlsplit(str(url))
        assert sent_to.raw_host.decode() == split.hostname == url.host
        assert (sent_to.port or {"https": 443, "http": 80}[url.scheme]) == url.port
        assert split.port in (url.port, None)
        assert not sent_to.userinfo and split.username is None


@given(st.ip_addresses().map(str))
def test_an_address_is_public_only_if_the_standard_library_calls_it_global(text: str) -> None:
    address = ipaddress.ip_address(text)
    if find_kind(address) is None and not (address.version == 6 and _carries_ipv4(address)):
        assert address.is_global and not address.is_multicast


def _carries_ipv4(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    networks = ("::/96", "::ffff:0:0/95", "64:ff9b::/96", "2002::/16", "2001::/32")
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def test_the_canonical_form_has_brackets_only_around_ipv6() -> None:
    assert str(TargetUrl("https", "2001:db8::1", 8443, "/")) == "https://[2001:db8::1]:8443/"
    assert str(TargetUrl("http", "example.com", 80, "/a?b")) == "http://example.com/a?b"
