"""Open connections of one API process: bounded in all and by address; idle ones and slow readers give way."""

import asyncio
import ipaddress
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

import structlog

from integrahub.resilience.rate_limit import client_network
from integrahub.telemetry.metrics.http import CONNECTIONS_CLOSED, CONNECTIONS_OPEN

_MAX_STRANGERS_STALLED = 50  # connections without a key whose answers may wait to be taken
_MAX_STRANGERS_SECURED = 500  # idle connections over TLS, of fifty kilobytes each, whose clients showed no key
_LOOKS = 4  # looks at slow readers in the time they have
_PACE = 1024  # bytes a second that a client must take of an answer
_LOG_EVERY_SECONDS = 60.0
_log = structlog.get_logger()
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Bounds(NamedTuple):
    """How many connections may be open in all and by address; seconds a client may take nothing of an answer.

    Addresses within `proxies` stand for many clients and have no bound of their own.
    """

    total: int
    per_address: int
    patience: float
    proxies: str = ""


class Connection(Protocol):
    """What the registry asks of a connection."""

    @property
    def address(self) -> str:
        """The peer's address, '' when it has none."""

    def unsent(self) -> tuple[int, int]:
        """Return the bytes that wait for the client, and how often it has taken all but a little of them."""

    def is_strange(self) -> bool:
        """Whether its request showed no key that is known."""

    def is_secured(self) -> bool:
        """Whether it has the state of TLS."""

    def end(self) -> None:
        """Close it at once, unsent bytes and all."""


class _Unsent(NamedTuple):
    since: float
    size: int
    taken: int


class Connections:
    """The open connections. `add` before anything else, then `busy` and `idle` as requests come and are answered."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = monotonic) -> None:
        self._bounds = bounds
        self._clock = clock
        self._proxies = _networks(bounds.proxies)
        self._open: dict[Connection, str] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._idle: OrderedDict[Connection, None] = OrderedDict()  # the longest idle first; so for each address
        self._idle_of: defaultdict[str, OrderedDict[Connection, None]] = defaultdict(OrderedDict)
        self._secured: OrderedDict[Connection, None] = OrderedDict()  # idle, over TLS, without a key
        self._stalled: OrderedDict[Connection, None] = OrderedDict()
        self._unsent: dict[Connection, _Unsent] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._logged = float("-inf")

    def add(self, connection: Connection) -> bool:
        """Take a new connection in, closing an idle one when a bound is reached; False when there is none to close."""
        place = client_network(connection.address)
        if self._counts[place] >= self._bounds.per_address and not self.is_proxy(connection.address):
            if not self._make_room("address", place):
                return False
        elif len(self._open) >= self._bounds.total and not self._make_room("total"):
            return False
        self._open[connection] = place
        self._counts[place] += 1
        self.idle(connection)
        CONNECTIONS_OPEN.set(len(self._open))
        if self._looking is None:
            self._look_later()
        return True

    def busy(self, connection: Connection) -> None:
        """Note that a request began."""
        if connection in self._idle:
            del self._idle[connection], self._idle_of[self._open[connection]][connection]
            self._secured.pop(connection, None)

    def idle(self, connection: Connection) -> None:
        """Note that the request was answered, or that another is awaited."""
        if connection in self._open:
            for kept in (self._idle, self._idle_of[self._open[connection]]):
                kept[connection] = None
                kept.move_to_end(connection)
            if connection.is_secured() and connection.is_strange():
                self._secured[connection] = None
                self._secured.move_to_end(connection)
                if len(self._secured) > _MAX_STRANGERS_SECURED:
                    self._close(next(iter(self._secured)), "strangers")

    def stalled(self, connection: Connection) -> None:
        """Note that a client does not take its answer; of those without a key the first of too many is closed."""
        if not connection.is_strange():
            return
        self._stalled[connection] = None
        if len(self._stalled) > _MAX_STRANGERS_STALLED:
            self._close(next(iter(self._stalled)), "stalled")

    def taken(self, connection: Connection) -> None:
        """Note that the client took what waited for it."""
        self._stalled.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """Note that a connection is closed."""
        if connection not in self._open:
            return
        self.busy(connection)
        place = self._open.pop(connection)
        self._stalled.pop(connection, None)
        self._unsent.pop(connection, None)
        self._counts[place] -= 1
        if not self._counts[place]:
            del self._counts[place]
            self._idle_of.pop(place, None)
        CONNECTIONS_OPEN.set(len(self._open))

    def look(self) -> None:
        """Close the connections whose clients take nothing, or next to nothing, of what waits for them."""
        now = self._clock()
        for connection in list(self._open):
            size, taken = connection.unsent()
            before = self._unsent.get(connection)
            if not size:
                self._unsent.pop(connection, None)
            elif before is None or before.taken != taken:
                self._unsent[connection] = _Unsent(now, size, taken)
            elif (waited := now - before.since) >= self._bounds.patience:
                if before.size - size < waited * _PACE:
                    self._close(connection, "slow_reader")
                else:
                    self._unsent[connection] = _Unsent(now, size, taken)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(self._bounds.patience / _LOOKS, self._look_again)

    def _look_again(self) -> None:
        self._looking = None
        self.look()
        if self._open:
            self._look_later()

    def _make_room(self, reason: str, place: str | None = None) -> bool:
        found = next(iter(self._idle if place is None else self._idle_of[place]), None)
        if found is None:
            CONNECTIONS_CLOSED.add(f"refused_{reason}")
            self._tell(f"refused_{reason}")
            return False
        self._close(found, f"idle_{reason}")
        return True

    def _close(self, connection: Connection, reason: str) -> None:
        CONNECTIONS_CLOSED.add(reason)
        self._tell(reason)
        self.remove(connection)
        connection.end()

    def _tell(self, reason: str) -> None:
        if self._clock() - self._logged >= _LOG_EVERY_SECONDS:
            self._logged = self._clock()
            _log.warning("a connection was closed or refused", action="connect", reason=reason, open=len(self._open))

    def is_proxy(self, address: str) -> bool:
        """Whether an address stands for many clients."""
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return True  # of a local socket
        return any(known in network for network in self._proxies)


def _networks(proxies: str) -> list[_Network]:
    """Return the networks of TRUSTED_PROXIES; its names, which are of local sockets, have none."""
    found: list[_Network] = []
    for text in proxies.replace("*", "0.0.0.0/0,::/0").split(","):
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            continue
    return found
