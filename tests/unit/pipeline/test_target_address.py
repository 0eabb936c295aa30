"""Hostile targets of webhooks, each refused for its own reason, and targets that pass."""

import pytest

from integrahub.domain.errors import BadRequest
from integrahub.domain.messages.webhooks import WEBHOOK_MESSAGES
from integrahub.domain.webhooks.allowed_targets import AllowedTargets
from integrahub.domain.webhooks.public_addresses import ADDRESS_KINDS
from integrahub.pipeline.notify.name_lookup import NameLookup
from integrahub.pipeline.notify.target_address import TargetAddresses

_NAMES = {
    "erp.example.com.br": ["200.160.2.3", "2001:12ff:0:2::3"],
    "xn--farmcia-kwa.com.br": ["200.160.2.3"],
    "localhost": ["127.0.0.1", "::1"],
    "internal.example": ["10.1.2.3"],
    "rebound.example": ["200.160.2.3", "169.254.169.254"],
    "mapped.example": ["::ffff:192.168.1.1"],
    "nat64.example": ["64:ff9b::c8a0:203"],
    "6to4.example": ["2002:c8a0:203::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "intranet": ["172.16.0.9"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "hooks.corp.example": ["10.9.8.7"],
}
_HOSTILE = [
    # Parts of the URL.
    ("", "url_malformed"),
    ("erp.example.com.br/hook", "url_malformed"),
    ("//erp.example.com.br/hook", "url_malformed"),
    ("https://", "url_malformed"),
    ("https:///hook", "url_malformed"),
    ("https:/erp.example.com.br/hook", "url_malformed"),
    ("https://?@127.0.0.1/", "url_malformed"),
    (" https://erp.example.com.br/", "url_malformed"),
    ("https://erp.example.com.br/a b", "url_malformed"),
    ("https://erp.example.com.br/\r\nX-Api-Key: 1", "url_malformed"),
    ("https://erp.example.com.br\t/", "url_malformed"),
    ("https://erp.example.com.br\x00.evil.example/", "url_malformed"),
    ("https:\\\\127.0.0.1\\hook", "url_malformed"),
    ("https://erp.example.com.br\\@127.0.0.1/", "url_malformed"),
    ("https://erp.example.com.br/ação", "url_malformed"),
    ("https://erp.example.com.br/" + "a" * 2000, "url_too_long"),
    ("file:///etc/passwd", "url_malformed"),
    ("file://erp.example.com.br/etc/passwd", "url_scheme"),
    ("ftp://erp.example.com.br/", "url_scheme"),
    ("gopher://127.0.0.1:6379/_FLUSHALL", "url_scheme"),
    ("javascript://erp.example.com.br/%0Aalert(1)", "url_scheme"),
    ("https+unix://erp.example.com.br/", "url_scheme"),
    ("http://erp.example.com.br/hook", "url_plain_http"),
    ("HTTP://ERP.EXAMPLE.COM.BR/", "url_plain_http"),
    ("http://erp.example.com.br:443/", "url_plain_http"),
    ("https://user:password@erp.example.com.br/", "url_user_info"),
    ("https://user@erp.example.com.br/", "url_user_info"),
    ("https://erp.example.com.br:443@127.0.0.1/", "url_user_info"),
    ("https://erp.example.com.br%40127.0.0.1/", "url_user_info"),
    ("https://127.0.0.1#@erp.example.com.br/", "url_fragment"),
    ("https://erp.example.com.br/hook#part", "url_fragment"),
    # Ports.
    ("https://erp.example.com.br:0/", "port_invalid"),
    ("https://erp.example.com.br:65536/", "port_invalid"),
    ("https://erp.example.com.br:-443/", "port_invalid"),
    ("https://erp.example.com.br:44³/", "port_invalid"),
    ("https://erp.example.com.br:https/", "port_invalid"),
    ("https://erp.example.com.br:443:22/", "port_invalid"),
    ("https://erp.example.com.br:22/", "port_closed"),
    ("https://erp.example.com.br:8443/", "port_closed"),
    ("https://erp.example.com.br:80/", "port_closed"),
    # Names.
    ("https://erp..example.com.br/", "host_invalid"),
    ("https://erp.example.com.br../", "host_invalid"),
    ("https://-erp.example.com.br/", "host_invalid"),
    ("https://erp_1.example.com.br/", "host_invalid"),
    ("https://%31%32%37.0.0.1/", "address_spelling"),
    ("https://%6c%6f%63%61%6c%68%6f%73%74/", "host_invalid"),
    ("https://" + "a" * 64 + ".example/", "host_invalid"),
    ("https://" + "a." * 130 + "example/", "host_invalid"),
    ("https://erp.example.com.br／.evil.example/", "host_invalid"),
    ("https://a℀b.example/", "host_invalid"),
    ("https://::1/", "host_invalid"),
    ("https://[::1/", "host_invalid"),
    ("https://[127.0.0.1]/", "host_invalid"),
    ("https://[::1].example/", "host_invalid"),
    ("https://[v1.a]/", "host_invalid"),
    ("https://unknown.example/", "host_unresolvable"),
    # Spellings of addresses.
    ("https://2130706433/", "address_spelling"),
    ("https://017700000001/", "address_spelling"),
    ("https://0x7f000001/", "address_spelling"),
    ("https://0x7f.0.0.1/", "address_spelling"),
    ("https://0177.0.0.1/", "address_spelling"),
    ("https://127.1/", "address_spelling"),
    ("https://127.0.1/", "address_spelling"),
    ("https://127.0.0.01/", "address_spelling"),
    ("https://10.0.0.0x1/", "address_spelling"),
    ("https://256.256.256.256/", "address_spelling"),
    ("https://1.2.3.4.5/", "address_spelling"),
    ("https://134744072/", "address_spelling"),
    ("https://erp.example.8/", "address_spelling"),
    ("https://①②⑦.⓪.⓪.①/", "address_spelling"),
    ("https://１２７.0.0.1/", "address_spelling"),
    ("https://127。0。0。1/", "address_spelling"),
    # Addresses.
    ("https://127.0.0.1/", "address_loopback"),
    ("https://127.0.0.1./", "address_loopback"),
    ("http://127.0.0.1/", "address_loopback"),
    ("https://127.255.255.254:443/", "address_loopback"),
    ("https://0.0.0.0/", "address_unspecified"),
    ("https://10.0.0.1/", "address_private"),
    ("https://172.31.255.255/", "address_private"),
    ("https://192.168.0.1/", "address_private"),
    ("https://100.64.0.1/", "address_shared"),
    ("https://169.254.169.254/latest/meta-data/", "address_link_local"),
    ("https://192.0.0.170/", "address_protocol"),
    ("https://203.0.113.9/", "address_documentation"),
    ("https://192.88.99.1/", "address_relay"),
    ("https://198.19.0.1/", "address_benchmark"),
    ("https://224.0.0.1/", "address_multicast"),
    ("https://240.0.0.1/", "address_reserved"),
    ("https://255.255.255.255/", "address_broadcast"),
    ("https://[::]/", "address_unspecified"),
    ("https://[::1]/", "address_loopback"),
    ("https://[0:0:0:0:0:0:0:1]/", "address_loopback"),
    ("https://[fe80::1]/", "address_link_local"),
    ("https://[fe80::1%25eth0]/", "address_scoped"),
    ("https://[fe80::1%eth0]/", "address_scoped"),
    ("https://[fec0::1]/", "address_site_local"),
    ("https://[fd12:3456::1]/", "address_unique_local"),
    ("https://[ff02::1]/", "address_multicast"),
    ("https://[2001:db8::1]/", "address_documentation"),
    ("https://[3fff::1]/", "address_documentation"),
    ("https://[2001:2::1]/", "address_benchmark"),
    ("https://[2001:20::1]/", "address_protocol"),
    ("https://[5f00::1]/", "address_reserved"),
    ("https://[100::1]/", "address_reserved"),
    # IPv4 carried by IPv6.
    ("https://[::ffff:127.0.0.1]/", "address_loopback"),
    ("https://[::ffff:7f00:1]/", "address_loopback"),
    ("https://[::ffff:a9fe:a9fe]/", "address_link_local"),
    ("https://[::ffff:0:10.0.0.1]/", "address_private"),
    ("https://[::127.0.0.1]/", "address_loopback"),
    ("https://[64:ff9b::10.0.0.1]/", "address_private"),
    ("https://[64:ff9b::a9fe:a9fe]/", "address_link_local"),
    ("https://[64:ff9b:1::1]/", "address_translated"),
    ("https://[2002:7f00:1::]/", "address_loopback"),
    ("https://[2002:a9fe:a9fe::1]/", "address_link_local"),
    ("https://[2001:0:c8a0:203:0:0:f5ff:fffe]/", "address_private"),  # Teredo: the client is 10.0.0.1
    ("https://[2001:0:7f00:1:0:0:375f:fdfc]/", "address_loopback"),  # Teredo: the server is 127.0.0.1
    # Names of addresses that are not public.
    ("https://localhost/", "address_loopback"),
    ("https://LOCALHOST./", "address_loopback"),
    ("https://loc\u00adalhost/", "address_loopback"),
    ("https://127.0.0.1.nip.example/", "address_loopback"),
    ("https://internal.example/", "address_private"),
    ("https://intranet/", "address_private"),
    ("https://metadata.google.internal/computeMetadata/v1/", "address_link_local"),
    ("https://rebound.example/", "address_link_local"),
    ("https://mapped.example/", "address_private"),
]
_GOOD = [
    ("https://erp.example.com.br/hook", "https://erp.example.com.br/hook"),
    ("HTTPS://ERP.Example.com.BR", "https://erp.example.com.br/"),
    ("https://erp.example.com.br./hook?token=a%20b&x=1", "https://erp.example.com.br/hook?token=a%20b&x=1"),
    ("https://erp.example.com.br:443?x=1", "https://erp.example.com.br/?x=1"),
    ("https://farmácia.com.br/h", "https://xn--farmcia-kwa.com.br/h"),
    ("https://FARMÁCIA。com.br/h", "https://xn--farmcia-kwa.com.br/h"),
    ("https://8.8.8.8/", "https://8.8.8.8/"),
    ("https://[2001:12FF:0:2::3]/", "https://[2001:12ff:0:2::3]/"),
    ("https://[::ffff:808:808]/", "https://8.8.8.8/"),
    ("https://nat64.example/", "https://nat64.example/"),
    ("https://6to4.example/", "https://6to4.example/"),
]


async def _lookup(host: str) -> list[str]:
    if host not in _NAMES:
        raise OSError(f"{host}: name or service not known")
    return _NAMES[host]


def _addresses(*allowed: str) -> TargetAddresses:
    return TargetAddresses(AllowedTargets.parse(allowed), _lookup)


async def _refusal(addresses: TargetAddresses, url: str) -> str:
    with pytest.raises(BadRequest) as refused:
        await addresses.check(url)
    return refused.value.code


@pytest.mark.parametrize(("url", "reason"), _HOSTILE)
async def test_a_hostile_target_is_refused_for_its_own_reason(url: str, reason: str) -> None:
    assert await _refusal(_addresses(), url) == f"webhook_{reason}"


def test_every_reason_is_tried() -> None:
    tried = {f"webhook_{reason}" for _, reason in _HOSTILE}
    reasons = {code for code in WEBHOOK_MESSAGES if code.startswith(("webhook_url_", "webhook_host_", "webhook_port_"))}
    assert tried >= reasons | {f"webhook_address_{kind}" for kind in ADDRESS_KINDS} and len(_HOSTILE) >= 60


@pytest.mark.parametrize(("url", "canonical"), _GOOD)
async def test_a_public_target_passes_in_its_canonical_form(url: str, canonical: str) -> None:
    assert str(await _addresses().check(url)) == canonical
    assert str(await _addresses().check(canonical)) == canonical


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:9000/hook", "127.0.0.0/8"),
        ("http://localhost:9000/hook", "localhost"),
        ("https://internal.example/hook", "10.1.0.0/16"),
        ("http://hooks.corp.example/", "HOOKS.corp.example."),
        ("https://mapped.example:8443/", "192.168.1.1"),
        ("https://[fd12:3456::1]:8443/", "fd12:3456::/32"),
    ],
)
async def test_the_operator_allows_private_targets_also_by_http_and_to_any_port(url: str, allowed: str) -> None:
    assert str(await _addresses(allowed).check(url)) == url
    assert await _refusal(_addresses("192.0.2.0/24", "other.example"), url)


async def test_what_is_allowed_opens_nothing_else() -> None:
    addresses = _addresses("10.1.0.0/16", "hooks.corp.example")
    for url, reason in (
        ("https://10.2.0.1/", "address_private"),
        ("https://rebound.example/", "address_link_local"),
        ("https://localhost/", "address_loopback"),
        ("http://erp.example.com.br/", "url_plain_http"),
        ("https://erp.example.com.br:8443/", "port_closed"),
        ("https://hooks.corp.example.evil.example/", "host_unresolvable"),
        ("https://user@hooks.corp.example/", "url_user_info"),
    ):
        assert await _refusal(addresses, url) == f"webhook_{reason}", url


async def test_an_attempt_resolves_again_and_refuses_what_is_private_by_then() -> None:
    answers = iter([["200.160.2.3"], ["200.160.2.3", "200.160.2.4", "200.160.2.3"], ["10.0.0.1"]])

    async def lookup(host: str) -> list[str]:
        return next(answers)

    addresses = TargetAddresses(AllowedTargets(), lookup)
    url = await addresses.check("https://moving.example/")
    assert await addresses.resolve(url.host, url.port) == ["200.160.2.3", "200.160.2.4"]
    with pytest.raises(BadRequest) as refused:
        await addresses.resolve(url.host, url.port)
    assert refused.value.code == "webhook_address_private"


async def test_a_refusal_does_not_say_which_address_a_private_name_has() -> None:
    targets = TargetAddresses(AllowedTargets(), _lookup)
    with pytest.raises(BadRequest) as refused:
        await targets.check("https://internal.example/")
    assert "internal.example" in str(refused.value) and "10.1.2.3" not in str((refused.value, refused.value.facts))


async def test_a_literal_private_address_is_refused_without_a_lookup() -> None:
    async def lookup(host: str) -> list[str]:
        raise AssertionError(host)

    addresses = TargetAddresses(AllowedTargets(), lookup)
    assert await _refusal(addresses, "https://10.0.0.1/") == "webhook_address_private"
    with pytest.raises(BadRequest):
        await addresses.resolve("::1", 443)
    with pytest.raises(BadRequest):
        await addresses.resolve("8.8.8.8", 25)


async def test_names_are_resolved_by_the_machine() -> None:
    assert "127.0.0.1" in await NameLookup()("localhost")


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/33", "http://hooks.example", "hooks.example:9000", "*", "a b", "10.0.0.256"]
)
def test_an_entry_that_is_no_network_or_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="no network, address or host name"):
        AllowedTargets.parse([entry])
