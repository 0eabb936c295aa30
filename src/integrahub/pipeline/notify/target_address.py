"""Addresses of webhook targets: resolved at PUT and at each attempt, and refused unless all of them are public."""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from integrahub.domain.errors import BadRequest
from integrahub.domain.webhooks.allowed_targets import AllowedTargets
from integrahub.domain.webhooks.public_addresses import Address, find_kind
from integrahub.domain.webhooks.target_url import HTTPS_PORT, TargetUrl, parse_target_url

LOOKUP_TIMEOUT_SECONDS = 5.0
Lookup = Callable[[str], Awaitable[list[str]]]  # the addresses of a name; OSError if it has none


class TargetAddresses:
    """Resolve targets and refuse those that are not public, unless the operator allows them.

    A refusal is a BadRequest whose code is the reason.
    """

    def __init__(self, allowed: AllowedTargets, lookup: Lookup) -> None:
        self._allowed = allowed
        self._lookup = lookup

    async def check(self, text: str) -> TargetUrl:
        """Return the URL in its canonical form if webhooks may be sent to it now."""
        url = parse_target_url(text)
        if url.scheme != "https" and (url.port == HTTPS_PORT or not self._allowed):
            if url.address:
                self._check_address(url.host, url.address)
            raise BadRequest("webhook_url_plain_http", host=url.host)
        addresses = await self._resolve(url.host)
        if not self._are_allowed(url.host, addresses):
            if url.scheme != "https":
                raise BadRequest("webhook_url_plain_http", host=url.host)
            _check_port(url.port)
        return url

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host to which a webhook may connect now."""
        addresses = await self._resolve(host)
        if not self._are_allowed(host, addresses):
            _check_port(port)
        return [str(address) for address in addresses]

    async def _resolve(self, host: str) -> list[Address]:
        """Return all addresses of a host, in the resolver's order. One that is not public refuses all."""
        addresses = _parse_literal(host) or await self._look_up(host)
        for address in addresses:
            self._check_address(host, address)
        return addresses

    async def _look_up(self, host: str) -> list[Address]:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
                found = await self._lookup(host)
        except OSError:  # socket.gaierror and TimeoutError are OSErrors
            found = []
        if not found:
            raise BadRequest("webhook_host_unresolvable", host=host)
        return [ip_address(text) for text in dict.fromkeys(found)]

    def _check_address(self, host: str, address: Address) -> None:
        kind = find_kind(address)
        if kind and not self._allowed.has_host(host) and not self._allowed.has_address(address):
            # Without the address: clients could read the names of the hub's own network by it.
            raise BadRequest(f"webhook_address_{kind}", host=host)

    def _are_allowed(self, host: str, addresses: list[Address]) -> bool:
        return self._allowed.has_host(host) or all(map(self._allowed.has_address, addresses))


def _parse_literal(host: str) -> list[Address]:
    try:
        return [ip_address(host)]
    except ValueError:
        return []


def _check_port(port: int) -> None:
    if port != HTTPS_PORT:
        raise BadRequest("webhook_port_closed", port=port)
