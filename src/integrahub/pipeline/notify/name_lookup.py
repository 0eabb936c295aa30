"""Look-up of host names in threads of its own: a name server that does not answer keeps a thread for long."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

_LOOKUP_THREADS = 64


class NameLookup:
    """Resolve names by the resolver of this machine. Hanging look-ups of one host take four threads at most."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, "name look-up")

    async def __call__(self, host: str) -> list[str]:
        """Return the addresses of a name. Raise OSError if it has none."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host)
        return [str(info[4][0]) for info in found]


def _look_up(host: str) -> list[tuple[object, object, object, str, tuple[object, ...]]]:
    return list(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
