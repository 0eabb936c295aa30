"""Look-up of host names in separate threads: a name server that does not answer keeps a thread for long."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

_LOOKUP_THREADS = 64
_Found = list[tuple[object, object, object, str, tuple[object, ...]]]


class NameLookup:
    """Resolve names by the resolver of this machine. All who look up one host at a time share one thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, "name look-up")
        self._running: dict[str, asyncio.Future[_Found]] = {}

    async def __call__(self, host: str) -> list[str]:
        """Return the addresses of a name. Raise OSError if it has none."""
        running = self._running.get(host) or self._start(host)
        found = await asyncio.shield(running)  # cancelling one caller stops neither the thread nor the others
        return [str(info[4][0]) for info in found]

    def _start(self, host: str) -> asyncio.Future[_Found]:
        future = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)
        self._running[host] = future
        future.add_done_callback(lambda _: self._running.pop(host, None))
        return future


def _look_up(host: str) -> _Found:
    return list(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
