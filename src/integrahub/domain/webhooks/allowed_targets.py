"""Targets of webhooks that may be private: networks and hosts that the operator lists."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

from integrahub.domain.webhooks.public_addresses import Address, Network, unwrap

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")


@dataclass(frozen=True, slots=True)
class AllowedTargets:
    """Networks and hosts that webhooks may be sent to although they are private, also by plain HTTP and to any port."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "AllowedTargets":
        """Return the targets of a list of networks, addresses and host names; raise ValueError for any other entry."""
        networks, hosts = list[Network](), set[str]()
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                hosts.add(_parse_host(entry))
        return cls(tuple(networks), frozenset(hosts))

    def __bool__(self) -> bool:
        return bool(self.networks or self.hosts)

    def has_host(self, host: str) -> bool:
        """Return whether the host is listed by its name."""
        return host in self.hosts

    def has_address(self, address: Address) -> bool:
        """Return whether the address, or each IPv4 address that it carries, is in a listed network."""
        carried = unwrap(address) if isinstance(address, IPv6Address) else ()
        return self._is_listed(address) or (bool(carried) and all(map(self._is_listed, carried)))

    def _is_listed(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _parse_host(entry: str) -> str:
    host = entry.lower().rstrip(".")
    if not _HOST.fullmatch(host) or host.rpartition(".")[2].isdigit():
        raise ValueError(f"{entry!r} is no network, address or host name such as 10.0.0.0/8 or hooks.example.com")
    return host
