"""Acceptance of TLS connections: they count from acceptance on, and few handshakes run at once.

The TLS state of a connection takes some 50 kB. A connection whose client has sent nothing has none: it is only a
socket.
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
from integrahub.web.connections import ConnectionRegistry

_LISTEN_BACKLOG = 2048
_ACCEPTS_PER_ITERATION = 64  # leaves time for requests, and connections for other processes on the same socket
_DESCRIPTOR_PAUSE_SECONDS = 0.5  # without accepting, when the process has no free file descriptor
_SHUTDOWN_TIMEOUT_SECONDS = 3.0  # of handshakes in progress
_CLOSE_NOTIFY_TIMEOUT_SECONDS = 1.0  # an idle client of a connection pool does not answer the end of TLS


class HandshakeLimits(NamedTuple):
    """Maximum of handshakes at once, in total and per address; times in seconds.

    When a limit is reached, a handshake older than `guaranteed` is closed for the next connection. `timeout` counts
    from acceptance to the end of the handshake.
    """

    total: int = 200
    per_address: int = 50
    guaranteed: float = 1.0
    timeout: float = 10.0


HANDSHAKE_LIMITS = HandshakeLimits()


class PendingConnection:
    """An accepted connection before the end of its handshake."""

    def __init__(self, acceptor: "TlsAcceptor", own_socket: socket.socket, address: str) -> None:
        self.address = address
        self.network = client_network(address)
        self.socket: socket.socket | None = own_socket  # None once a transport owns it
        self.started_at = 0.0
        self.handshake: asyncio.Task[None] | None = None
        self.deadline: asyncio.TimerHandle | None = None
        self._acceptor = acceptor

    def unsent(self) -> tuple[int, int]:
        """Return zeros: nothing waits for the client."""
        return 0, 0

    def is_anonymous(self) -> bool:
        """Return True: there is no request yet."""
        return True

    def is_tls(self) -> bool:
        """Return False: there is no TLS state yet."""
        return False

    def abort(self) -> None:
        """Close it at once."""
        self._acceptor.drop(self)

    def hand_over(self) -> None:
        """Leave the registry to the protocol that takes over the connection."""
        self._acceptor.remove(self)


_Ordered = OrderedDict[PendingConnection, None]


class TlsAcceptor:
    """Accepts the connections of a listening socket, and runs their handshakes in the order of their first bytes."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        build_protocol: Callable[[PendingConnection], asyncio.Protocol],
        connections: ConnectionRegistry,
        limits: HandshakeLimits | None = None,
    ) -> None:
        self._listener, self._context, self._build_protocol = listener, context, build_protocol
        self._connections, self._limits = connections, limits or HANDSHAKE_LIMITS
        self._loop = asyncio.get_running_loop()
        self._silent: set[PendingConnection] = set()  # their clients have sent nothing
        self._queues: OrderedDict[str, _Ordered] = OrderedDict()  # by network; the first network is served next
        self._handshakes: _Ordered = OrderedDict()  # oldest first, as in the next
        self._handshakes_by_network: defaultdict[str, _Ordered] = defaultdict(OrderedDict)
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._finished = asyncio.Event()
        self._is_open = True
        listener.setblocking(False)
        listener.listen(_LISTEN_BACKLOG)
        self._listen()

    def close(self) -> None:
        """Accept the connections in the backlog, then stop accepting."""
        if not self._is_open:
            return
        self._is_open = False
        if self._pause is None:
            self._accept()  # the kernel would refuse the backlog
        if self._pause is None:
            self._loop.remove_reader(self._listener)
        else:
            self._pause.cancel()
        self._listener.close()

    async def wait_closed(self) -> None:
        """Return at once: the protocols own the connections, and `finish_handshakes` ends the others."""

    async def finish_handshakes(self) -> bool:
        """Close silent connections, wait for queued and running handshakes, and return whether there were any."""
        for pending in list(self._silent):
            self.drop(pending)
        if not self._unfinished():
            return False
        self._finished.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_TIMEOUT_SECONDS):
                await self._finished.wait()
        for pending in self._unfinished():
            self.drop(pending)
        return True

    def drop(self, pending: PendingConnection) -> None:
        """Close a connection at once."""
        if pending.socket is not None:
            self._loop.remove_reader(pending.socket)
            pending.socket.close()
        if pending.handshake is not None:
            pending.handshake.cancel()
        self.remove(pending)

    def remove(self, pending: PendingConnection) -> None:
        """Remove a connection that is closed, or whose handshake is complete."""
        if pending.deadline is not None:
            pending.deadline.cancel()
        self._connections.remove(pending)
        self._silent.discard(pending)
        self._leave_queue(pending)
        if pending in self._handshakes:
            del self._handshakes[pending], self._handshakes_by_network[pending.network][pending]
            if not self._handshakes_by_network[pending.network]:
                del self._handshakes_by_network[pending.network]
            self._schedule(0)
        if not self._handshakes and not self._queues:
            self._finished.set()

    def _unfinished(self) -> list[PendingConnection]:
        return [*self._handshakes, *(pending for queue in self._queues.values() for pending in queue)]

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_PER_ITERATION):
            try:
                own_socket, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no free file descriptor: without a pause each iteration would fail
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(_DESCRIPTOR_PAUSE_SECONDS, self._listen)
                return
            own_socket.setblocking(False)
            self._register(own_socket, address[0])

    def _register(self, own_socket: socket.socket, address: str) -> None:
        pending = PendingConnection(self, own_socket, address)
        if not self._connections.add(pending):
            own_socket.close()
            return
        pending.deadline = self._loop.call_later(self._limits.timeout, self._time_out, pending)
        self._silent.add(pending)
        self._loop.add_reader(own_socket, self._on_readable, pending, own_socket)

    def _time_out(self, pending: PendingConnection) -> None:
        CONNECTIONS_CLOSED.add("slow_handshake")
        self.drop(pending)

    def _on_readable(self, pending: PendingConnection, own_socket: socket.socket) -> None:
        """Queue a connection whose client sent its first bytes; drop one whose client closed it."""
        self._loop.remove_reader(own_socket)
        self._silent.discard(pending)
        with suppress(OSError):
            if own_socket.recv(1, socket.MSG_PEEK):
                self._queues.setdefault(pending.network, OrderedDict())[pending] = None
                self._start_handshakes()
                return
        self.drop(pending)

    def _leave_queue(self, pending: PendingConnection) -> None:
        queue = self._queues.get(pending.network)
        if queue is not None:
            queue.pop(pending, None)
            if not queue:
                del self._queues[pending.network]

    def _start_handshakes(self) -> None:
        """Start the handshake of the first connection of each network, within the limits; retry while some wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for network in list(self._queues):
            first = next(iter(self._queues[network]))
            if self._has_room_of(first) and self._has_room(self._handshakes, self._limits.total, "total"):
                self._start_handshake(first)
        if self._queues:
            self._schedule(self._limits.guaranteed / 4)

    def _schedule(self, seconds: float) -> None:
        """Call `_start_handshakes` after some seconds; 0: in the next iteration of the loop."""
        if self._queues and (self._timer is None or not seconds):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(seconds, self._start_handshakes)

    def _has_room_of(self, pending: PendingConnection) -> bool:
        if self._connections.is_proxy(pending.address):
            return True
        handshakes = self._handshakes_by_network.get(pending.network, OrderedDict())
        return self._has_room(handshakes, self._limits.per_address, "address")

    def _has_room(self, handshakes: _Ordered, limit: int, name: str) -> bool:
        """Return whether another handshake may start; drop the oldest one if its guaranteed time has passed."""
        if len(handshakes) < limit:
            return True
        oldest = next(iter(handshakes))
        if self._loop.time() - oldest.started_at < self._limits.guaranteed:
            return False
        CONNECTIONS_CLOSED.add(f"handshake_{name}")
        self.drop(oldest)
        return True

    def _start_handshake(self, pending: PendingConnection) -> None:
        self._leave_queue(pending)
        if pending.network in self._queues:
            self._queues.move_to_end(pending.network)
        pending.started_at = self._loop.time()
        self._handshakes[pending] = self._handshakes_by_network[pending.network][pending] = None
        pending.handshake = self._loop.create_task(self._run_handshake(pending))

    async def _run_handshake(self, pending: PendingConnection) -> None:
        own_socket, pending.socket = pending.socket, None
        if own_socket is None:
            return
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._build_protocol(pending),
                own_socket,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.timeout,
                ssl_shutdown_timeout=_CLOSE_NOTIFY_TIMEOUT_SECONDS,
            )
        except OSError:  # the client sent no TLS, or offers too weak a version, or closed the connection
            pass
        finally:
            self.remove(pending)
