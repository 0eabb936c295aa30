"""Receiver of the hub's webhooks during a soak test."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_MAX_EVENT_HEAD_BYTES = 64 << 10
_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class Receiver:
    """Batch ids by which an event arrived, and the number of events with repeats."""

    batches: set[str] = field(default_factory=set)
    events: int = 0
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept one event."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            event = json.loads(await reader.readexactly(length))
            self.events += 1
            self.batches.add(str(event.get("data", {}).get("batch_id")))
            writer.write(_ANSWER)
            await writer.drain()
        except (ValueError, StopIteration, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the sender was killed; it sends again
        finally:
            writer.close()


@asynccontextmanager
async def receive_webhooks() -> AsyncIterator[Receiver]:
    """Listen on a free port of this machine while the block runs."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0, limit=_MAX_EVENT_HEAD_BYTES)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield receiver
