"""A balancer before several console processes: each request goes to the next process, on a connection of its own."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

_BLOCK = 65_536


class Balancer:
    """Relays requests. `served` counts those of each process."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns = itertools.cycle(ports)
        self.served = dict.fromkeys(ports, 0)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one request and its answer, then close the connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            port = next(self._turns)
            upstream, sink = await asyncio.open_connection("127.0.0.1", port)
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            sink.write(b"\r\n".join([lines[0], b"Connection: close", *lines[1:]]))
            self.served[port] += 1
            while block := await upstream.read(_BLOCK):
                writer.write(block)
                await writer.drain()
            sink.close()
        writer.close()


@contextmanager
def balancing(ports: Sequence[int], loop: asyncio.AbstractEventLoop) -> Iterator[tuple[str, Balancer]]:
    """Run a balancer in the loop of another thread while the block runs; yield its address and it."""
    balancer = Balancer(ports)
    starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(balancer.relay, "127.0.0.1", 0), loop)
    server = starting.result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", balancer
    finally:
        loop.call_soon_threadsafe(server.close)
