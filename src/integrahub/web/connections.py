"""Registry of the open connections of one API process, limited in total and per address.

At a limit, the longest idle connection is closed. Clients that do not read their responses are closed after a timeout.
"""

import asyncio
import ipaddress
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

import structlog

from integrahub.resilience.rate_limit import client_network
from integrahub.telemetry.metrics.http import CONNECTIONS_CLOSED, CONNECTIONS_OPEN

_MAX_ANONYMOUS_STALLED = 50  # connections without a valid key whose responses wait to be read
_MAX_ANONYMOUS_TLS_IDLE = 500  # idle TLS connections without a valid key, of some 50 kB each
_CHECKS_PER_TIMEOUT = 4
_MIN_READ_BYTES_PER_SECOND = 1024
_LOG_INTERVAL_SECONDS = 60.0
_log = structlog.get_logger()
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConnectionLimits(NamedTuple):
    """Maximum of open connections in total and per address; seconds in which a client may read nothing.

    Addresses within `proxies` stand for many clients, so the limit per address does not apply to them.
    """

    total: int
    per_address: int
    read_timeout: float
    proxies: str = ""


class Connection(Protocol):
    """What the registry needs of a connection."""

    @property
    def address(self) -> str:
        """The peer's address, '' if it has none."""

    def unsent(self) -> tuple[int, int]:
        """Return the bytes that wait for the client, and how often it has read almost all of them."""

    def is_anonymous(self) -> bool:
        """Return whether its request had no valid key."""

    def is_tls(self) -> bool:
        """Return whether it holds the state of a TLS session."""

    def abort(self) -> None:
        """Close it at once, and drop unsent bytes."""


class _Unsent(NamedTuple):
    since: float
    size: int
    reads: int


class ConnectionRegistry:
    """The open connections. Call `add` first, then `mark_busy` and `mark_idle` as requests begin and end."""

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._proxies = _parse_networks(limits.proxies)
        self._open: dict[Connection, str] = {}  # with their client networks
        self._counts: defaultdict[str, int] = defaultdict(int)  # by client network
        self._idle: OrderedDict[Connection, None] = OrderedDict()  # longest idle first, as in the next two
        self._idle_by_network: defaultdict[str, OrderedDict[Connection, None]] = defaultdict(OrderedDict)
        self._anonymous_tls_idle: OrderedDict[Connection, None] = OrderedDict()
        self._stalled: OrderedDict[Connection, None] = OrderedDict()
        self._unsent: dict[Connection, _Unsent] = {}
        self._check: asyncio.TimerHandle | None = None
        self._logged_at = float("-inf")

    def add(self, connection: Connection) -> bool:
        """Register a new connection. At a limit, close an idle one first; return False if none is idle."""
        network = client_network(connection.address)
        if self._counts[network] >= self._limits.per_address and not self.is_proxy(connection.address):
            if not self._make_room("address", network):
                return False
        elif len(self._open) >= self._limits.total and not self._make_room("total"):
            return False
        self._open[connection] = network
        self._counts[network] += 1
        self.mark_idle(connection)
        CONNECTIONS_OPEN.set(len(self._open))
        if self._check is None:
            self._schedule_check()
        return True

    def mark_busy(self, connection: Connection) -> None:
        """Record that a request began."""
        if connection in self._idle:
            del self._idle[connection], self._idle_by_network[self._open[connection]][connection]
            self._anonymous_tls_idle.pop(connection, None)

    def mark_idle(self, connection: Connection) -> None:
        """Record that the connection waits for its next request."""
        if connection not in self._open:
            return
        for idle in (self._idle, self._idle_by_network[self._open[connection]]):
            idle[connection] = None
            idle.move_to_end(connection)
        if connection.is_tls() and connection.is_anonymous():
            self._anonymous_tls_idle[connection] = None
            self._anonymous_tls_idle.move_to_end(connection)
            if len(self._anonymous_tls_idle) > _MAX_ANONYMOUS_TLS_IDLE:
                self._close(next(iter(self._anonymous_tls_idle)), "strangers")

    def mark_stalled(self, connection: Connection) -> None:
        """Record that the client does not read its response. Close the oldest of too many anonymous ones."""
        if not connection.is_anonymous():
            return
        self._stalled[connection] = None
        if len(self._stalled) > _MAX_ANONYMOUS_STALLED:
            self._close(next(iter(self._stalled)), "stalled")

    def mark_resumed(self, connection: Connection) -> None:
        """Record that the client has read what waited for it."""
        self._stalled.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """Record that the connection is closed."""
        if connection not in self._open:
            return
        self.mark_busy(connection)
        network = self._open.pop(connection)
        self._stalled.pop(connection, None)
        self._unsent.pop(connection, None)
        self._counts[network] -= 1
        if not self._counts[network]:
            del self._counts[network]
            self._idle_by_network.pop(network, None)
        CONNECTIONS_OPEN.set(len(self._open))

    def close_slow_readers(self) -> None:
        """Close connections whose clients read nothing, or less than 1 kB a second, during the read timeout."""
        now = self._clock()
        for connection in list(self._open):
            size, reads = connection.unsent()
            before = self._unsent.get(connection)
            if not size:
                self._unsent.pop(connection, None)
            elif before is None or before.reads != reads:
                self._unsent[connection] = _Unsent(now, size, reads)
            elif (waited := now - before.since) >= self._limits.read_timeout:
                if before.size - size < waited * _MIN_READ_BYTES_PER_SECOND:
                    self._close(connection, "slow_reader")
                else:
                    self._unsent[connection] = _Unsent(now, size, reads)

    def _schedule_check(self) -> None:
        interval = self._limits.read_timeout / _CHECKS_PER_TIMEOUT
        self._check = asyncio.get_running_loop().call_later(interval, self._run_check)

    def _run_check(self) -> None:
        self._check = None
        self.close_slow_readers()
        if self._open:
            self._schedule_check()

    def _make_room(self, limit: str, network: str | None = None) -> bool:
        """Close the longest idle connection, of a network or of all; return False if there is none."""
        idle = next(iter(self._idle if network is None else self._idle_by_network[network]), None)
        if idle is None:
            CONNECTIONS_CLOSED.add(f"refused_{limit}")
            self._log_closed(f"refused_{limit}")
            return False
        self._close(idle, f"idle_{limit}")
        return True

    def _close(self, connection: Connection, reason: str) -> None:
        CONNECTIONS_CLOSED.add(reason)
        self._log_closed(reason)
        self.remove(connection)
        connection.abort()

    def _log_closed(self, reason: str) -> None:
        if self._clock() - self._logged_at >= _LOG_INTERVAL_SECONDS:
            self._logged_at = self._clock()
            _log.warning("connection closed or refused", action="connect", reason=reason, open=len(self._open))

    def is_proxy(self, address: str) -> bool:
        """Return whether the address is that of a trusted proxy, or of a Unix socket."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return True  # a Unix socket
        return any(parsed in network for network in self._proxies)


def _parse_networks(proxies: str) -> list[_Network]:
    """Return the networks of TRUSTED_PROXIES; names of Unix sockets are left out."""
    networks: list[_Network] = []
    for text in proxies.replace("*", "0.0.0.0/0,::/0").split(","):
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            continue
    return networks
