"""Connections over TLS until they are secured: counted when accepted, kept for next to nothing, few secured at once.

The TLS state of a connection takes some fifty kilobytes. One that has not spoken has none: it is a socket that waits.
"""

import asyncio
import socket
import ssl
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from integrahub.resilience.rate_limit import client_network
from integrahub.telemetry.metrics.http import CONNECTIONS_CLOSED
from integrahub.web.connections import Connections

_BACKLOG = 2048
_ACCEPTED_AT_ONCE = 64  # so that requests have their turn, and other processes on the same socket their share
_PAUSE = 0.5  # seconds without new connections when the process can open no more files
_SETTLE = 3.0  # seconds that handshakes under way have at the end of the process


class Seats(NamedTuple):
    """Handshakes under way at once, in all and of an address; `turn` seconds pass before one gives way to others."""

    total: int = 200
    per_address: int = 50
    turn: float = 1.0
    seconds: float = 10.0  # from acceptance to the end of the handshake


SEATS = Seats()


class Arrival:
    """An accepted connection that is not secured."""

    def __init__(self, gate: "TlsGate", own: socket.socket, address: str) -> None:
        self.address = address
        self.place = client_network(address)
        self.own: socket.socket | None = own  # None once it is its transport's
        self.begun = 0.0
        self.work: asyncio.Task[None] | None = None
        self.deadline: asyncio.TimerHandle | None = None
        self._gate = gate

    def unsent(self) -> tuple[int, int]:
        """Nothing waits for the client."""
        return 0, 0

    def is_strange(self) -> bool:
        """It has shown no key."""
        return True

    def is_secured(self) -> bool:
        """It will be."""
        return False

    def end(self) -> None:
        """Close it at once."""
        self._gate.drop(self)

    def secured(self) -> None:
        """Give its place to the protocol that follows."""
        self._gate.leave(self)


class TlsGate:
    """Accepts the connections of a listening socket and secures them, in the order in which they speak."""

    def __init__(
        self,
        place: socket.socket,
        context: ssl.SSLContext,
        make: Callable[[Arrival], asyncio.Protocol],
        connections: Connections,
        seats: Seats | None = None,
    ) -> None:
        self._place, self._context, self._make = place, context, make
        self._connections, self._seats = connections, seats or SEATS
        self._loop = asyncio.get_running_loop()
        self._silent: set[Arrival] = set()
        self._lines: OrderedDict[str, OrderedDict[Arrival, None]] = OrderedDict()  # of addresses, the next one first
        self._seated: OrderedDict[Arrival, None] = OrderedDict()  # the oldest first; so for each address
        self._seated_of: defaultdict[str, OrderedDict[Arrival, None]] = defaultdict(OrderedDict)
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._settled = asyncio.Event()
        self._is_open = True
        place.setblocking(False)
        place.listen(_BACKLOG)
        self._listen()

    def close(self) -> None:
        """Accept what has come, and no more."""
        if not self._is_open:
            return
        self._is_open = False
        if self._pause is None:
            self._accept()  # what waits: the kernel would refuse it
        if self._pause is None:
            self._loop.remove_reader(self._place)
        else:
            self._pause.cancel()
        self._place.close()

    async def wait_closed(self) -> None:
        """Return: what was accepted is the protocols' affair, or settled."""

    async def settle(self) -> bool:
        """Close who has not spoken; wait for the handshakes under way, and return whether there were any."""
        for arrival in list(self._silent):
            self.drop(arrival)
        if not self._under_way():
            return False
        self._settled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE):
                await self._settled.wait()
        for arrival in self._under_way():
            self.drop(arrival)
        return True

    def drop(self, arrival: Arrival) -> None:
        """Close an arrival at once."""
        if arrival.own is not None:
            self._loop.remove_reader(arrival.own)
            arrival.own.close()
        if arrival.work is not None:
            arrival.work.cancel()
        self.leave(arrival)

    def leave(self, arrival: Arrival) -> None:
        """Note that an arrival is closed, or secured."""
        if arrival.deadline is not None:
            arrival.deadline.cancel()
        self._connections.remove(arrival)
        self._silent.discard(arrival)
        self._leave_line(arrival)
        if arrival in self._seated:
            del self._seated[arrival], self._seated_of[arrival.place][arrival]
            if not self._seated_of[arrival.place]:
                del self._seated_of[arrival.place]
            self._advance_soon(0)
        if not self._seated and not self._lines:
            self._settled.set()

    def _under_way(self) -> list[Arrival]:
        return [*self._seated, *(arrival for line in self._lines.values() for arrival in line)]

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._place, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                own, address = self._place.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no files left: the kernel would say so without end
                self._loop.remove_reader(self._place)
                self._pause = self._loop.call_later(_PAUSE, self._listen)
                return
            own.setblocking(False)
            self._take_in(own, address[0])

    def _take_in(self, own: socket.socket, address: str) -> None:
        arrival = Arrival(self, own, address)
        if not self._connections.add(arrival):
            own.close()
            return
        arrival.deadline = self._loop.call_later(self._seats.seconds, self._end_late, arrival)
        self._silent.add(arrival)
        self._loop.add_reader(own, self._hear, arrival, own)

    def _end_late(self, arrival: Arrival) -> None:
        CONNECTIONS_CLOSED.add("slow_handshake")
        self.drop(arrival)

    def _hear(self, arrival: Arrival, own: socket.socket) -> None:
        """Put an arrival that spoke in line; one that hung up is dropped."""
        self._loop.remove_reader(own)
        self._silent.discard(arrival)
        with suppress(OSError):
            if own.recv(1, socket.MSG_PEEK):
                self._lines.setdefault(arrival.place, OrderedDict())[arrival] = None
                self._advance()
                return
        self.drop(arrival)

    def _leave_line(self, arrival: Arrival) -> None:
        line = self._lines.get(arrival.place)
        if line is not None:
            line.pop(arrival, None)
            if not line:
                del self._lines[arrival.place]

    def _advance(self) -> None:
        """Seat the first of each address's line, as far as there are seats; look again while some wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for place in list(self._lines):
            first = next(iter(self._lines[place]))
            if self._has_room_of(first) and self._has_room(self._seated, self._seats.total, "total"):
                self._seat(first)
        if self._lines:
            self._advance_soon(self._seats.turn / 4)

    def _advance_soon(self, seconds: float) -> None:
        """Advance after some seconds, or 0: in the loop's next turn."""
        if self._lines and (self._timer is None or not seconds):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(seconds, self._advance)

    def _has_room_of(self, arrival: Arrival) -> bool:
        if self._connections.is_proxy(arrival.address):
            return True
        seated = self._seated_of.get(arrival.place, OrderedDict())
        return self._has_room(seated, self._seats.per_address, "address")

    def _has_room(self, seated: OrderedDict[Arrival, None], most: int, reason: str) -> bool:
        """Whether a seat is free, or held for longer than its turn: then it becomes so."""
        if len(seated) < most:
            return True
        oldest = next(iter(seated))
        if self._loop.time() - oldest.begun < self._seats.turn:
            return False
        CONNECTIONS_CLOSED.add(f"handshake_{reason}")
        self.drop(oldest)
        return True

    def _seat(self, arrival: Arrival) -> None:
        self._leave_line(arrival)
        if arrival.place in self._lines:
            self._lines.move_to_end(arrival.place)
        arrival.begun = self._loop.time()
        self._seated[arrival] = self._seated_of[arrival.place][arrival] = None
        arrival.work = self._loop.create_task(self._secure(arrival))

    async def _secure(self, arrival: Arrival) -> None:
        own, arrival.own = arrival.own, None
        if own is None:
            return
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make(arrival), own, ssl=self._context, ssl_handshake_timeout=self._seats.seconds
            )
        except OSError:  # the client's doing: no TLS, or none that is good enough, or it hung up
            pass
        finally:
            self.leave(arrival)
