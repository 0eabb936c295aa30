"""/livez, /readyz and /metrics of one process, on a port of its own, for supervisors and Prometheus."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_PATIENCE = 5.0  # seconds a peer may take to ask
SCRAPE = 10.0  # seconds a scraper that does not say is taken to wait
SCRAPE_HEADER = "x-prometheus-scrape-timeout-seconds"
_WAITS = re.compile(rb"^" + SCRAPE_HEADER.encode() + rb": *(\d+(?:\.\d+)?)\r$", re.IGNORECASE | re.MULTILINE)
_CLOSES = re.compile(rb"^connection: *close\r$", re.IGNORECASE | re.MULTILINE)
_LONGEST = 8192  # bytes of a request
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_log = structlog.get_logger()
Answer = tuple[int, str, bytes]  # status, content type, body
Route = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Probes:
    """What one process says of itself.

    `live` and `ready` give what is wrong, each in a sentence: none is well. `metrics` gives Prometheus' text to one who
    waits so many seconds. `more` are further paths. The fleet looks at both in one.
    """

    live: Callable[[], list[str]]
    ready: Callable[[], list[str]]
    metrics: Callable[[float], Awaitable[bytes]]
    more: dict[str, Route] = field(default_factory=dict)

    async def answer(self, path: str, waits: float = SCRAPE) -> Answer:
        """The answer to a GET of `path` by one who waits so many seconds."""
        if path == "/livez":
            return _judged(self.live())
        if path == "/readyz":
            return _judged(self.ready())
        if path == "/look":
            return as_json({"live": self.live(), "ready": self.ready()})
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, await self.metrics(waits)
        return await self.more[path]() if path in self.more else (404, "application/json", b"{}")


def _judged(problems: list[str]) -> Answer:
    return as_json({"status": "down" if problems else "ok", "problems": problems}, 503 if problems else 200)


def as_json(value: object, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return status, "application/json", json.dumps(value, default=str).encode()


@asynccontextmanager
async def serve_probes(probes: Probes, place: socket.socket | None) -> AsyncIterator[None]:
    """Answer on a listening socket while the block runs; None: nobody asked for a port."""
    if place is None:
        yield
        return

    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's would be cancelled with the loop, which Python 3.11 reports with a traceback.
        task = asyncio.get_running_loop().create_task(_serve_connection(probes, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, sock=place, limit=_LONGEST)
    try:
        yield
    finally:
        server.close()
        ending = list(connections)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)


async def _serve_connection(probes: Probes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await _answer_one(probes, reader, writer):
            continue
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        _log.debug("a probe went away", action="probe")
    finally:
        writer.close()


async def _answer_one(probes: Probes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether the connection may ask again."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    said = _WAITS.search(head)
    waits = float(said[1]) if said else SCRAPE
    status, kind, body = (405, "application/json", b"{}") if method != "GET" else await _safely(probes, path, waits)
    stays = head.split(b"\r\n", 1)[0].endswith(b"HTTP/1.1") and not _CLOSES.search(head)
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines.append(f"Connection: {'keep-alive' if stays else 'close'}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await asyncio.wait_for(writer.drain(), _PATIENCE)
    return stays


async def _safely(probes: Probes, path: str, waits: float) -> Answer:
    try:
        return await probes.answer(path, waits)
    except Exception as error:  # a probe must be answered whatever is wrong
        _log.warning("a probe could not be answered", action="probe", path=path, exc_info=error)
        return as_json({"status": "down", "problems": [f"{type(error).__name__}: {error}"]}, 503)


def open_probe_socket(fd: int | None, host: str, port: int | None) -> socket.socket | None:
    """The socket inherited as `fd`, else one bound to host and port (0: any), else none."""
    if fd is not None:
        return socket.socket(fileno=fd)
    if port is None:
        return None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
