"""Which network addresses are public, and why another one is not."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The first network that contains an address names its kind.
_KINDS = {
    "0.0.0.0/8": "unspecified",
    "127.0.0.0/8": "loopback",
    "10.0.0.0/8": "private",
    "172.16.0.0/12": "private",
    "192.168.0.0/16": "private",
    "100.64.0.0/10": "shared",
    "169.254.0.0/16": "link_local",
    "192.0.0.0/24": "protocol",
    "192.0.2.0/24": "documentation",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "192.88.99.0/24": "relay",
    "198.18.0.0/15": "benchmark",
    "224.0.0.0/4": "multicast",
    "255.255.255.255/32": "broadcast",
    "240.0.0.0/4": "reserved",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "fe80::/10": "link_local",
    "fec0::/10": "site_local",
    "fc00::/7": "unique_local",
    "ff00::/8": "multicast",
    "64:ff9b:1::/48": "translated",
    "2001:2::/48": "benchmark",
    "2001::/23": "protocol",
    "2001:db8::/32": "documentation",
    "3fff::/20": "documentation",
}
ADDRESS_KINDS = tuple(dict.fromkeys(_KINDS.values()))
_NETWORKS = [(ip_network(network), kind) for network, kind in _KINDS.items()]
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Networks of which an address carries an IPv4 address in its last 32 bits: IPv4-compatible, IPv4-translated, NAT64.
_CARRIERS = [IPv6Network(network) for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")]


def find_kind(address: Address) -> str | None:
    """Return why an address is not public, a value of ADDRESS_KINDS, or None if it is public.

    An IPv6 address that carries IPv4 addresses is as public as these are.
    """
    kind = next((kind for network, kind in _NETWORKS if _is_exact(network) and address in network), None)
    if kind or isinstance(address, IPv4Address):
        return kind or _find_in_networks(address)
    if carried := unwrap(address):
        return next(filter(None, map(_find_in_networks, carried)), None)
    if kind := _find_in_networks(address):
        return kind
    return None if address in _GLOBAL_UNICAST else "reserved"


def unwrap(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address carries: mapped, translated (NAT64), 6to4, or Teredo."""
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if any(address in network for network in _CARRIERS):
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


def _find_in_networks(address: Address) -> str | None:
    return next((kind for network, kind in _NETWORKS if address in network), None)


def _is_exact(network: Network) -> bool:
    return network.prefixlen == network.max_prefixlen  # `::` and `::1` would otherwise count as carriers of IPv4
