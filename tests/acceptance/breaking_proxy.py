"""TCP proxy that breaks some of its connections, each at another place of the request or its answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

_BLOCK = 4096
#: bytes that pass before the break: of the request, of the answer
_PLACES = ((0, 0), (300, 0), (6000, 0), (1 << 60, 0), (1 << 60, 40))


class BreakingProxy:
    """Proxy from a port of 127.0.0.1 to another. It breaks every `every`-th connection, from number `first` on."""

    def __init__(self, target: int, every: int, first: int) -> None:
        self._target, self._every, self._first = target, every, first
        self._places = cycle(_PLACES)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._server.getsockname()[1]
        self.accepted = self.broken = 0

    def run(self) -> None:
        """Accept connections until the proxy is closed."""
        with suppress(OSError):
            while True:
                inner, _ = self._server.accept()
                self.accepted += 1
                bounds = next(self._places) if self.accepted % self._every == self._first % self._every else None
                self.broken += bounds is not None
                self._start(self._serve, inner, bounds)

    def close(self) -> None:
        """Stop accepting and wait for the connections."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, function: object, *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=function, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
        return thread

    def _serve(self, inner: socket.socket, bounds: tuple[int, int] | None) -> None:
        request, answer = bounds or (1 << 60, 1 << 60)
        with inner, socket.create_connection(("127.0.0.1", self._target)) as outer:
            up = self._start(self._pass, inner, outer, request)
            self._pass(outer, inner, answer)
            up.join()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, left: int) -> None:
        """Pass up to `left` bytes, then break both connections."""
        with suppress(OSError):
            while left > 0 and (block := source.recv(min(_BLOCK, left))):
                target.sendall(block)
                left -= len(block)
        for side in (source, target):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking_proxy(target: int, every: int = 5, first: int = 5) -> Iterator[BreakingProxy]:
    """Run a proxy to a port of this machine while the block runs."""
    proxy = BreakingProxy(target, every, first)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
