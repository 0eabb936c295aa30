"""HTTP server of one process for /livez, /readyz and /metrics, used by supervisors and Prometheus."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_REQUEST_TIMEOUT_SECONDS = 5.0
DEFAULT_SCRAPE_TIMEOUT_SECONDS = 10.0
SCRAPE_TIMEOUT_HEADER = "x-prometheus-scrape-timeout-seconds"
_SCRAPE_TIMEOUT = re.compile(
    rb"^" + SCRAPE_TIMEOUT_HEADER.encode() + rb": *(\d+(?:\.\d+)?)\r$", re.IGNORECASE | re.MULTILINE
)
_CONNECTION_CLOSE = re.compile(rb"^connection: *close\r$", re.IGNORECASE | re.MULTILINE)
_MAX_REQUEST_BYTES = 8192
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_log = structlog.get_logger()
ProbeResponse = tuple[int, str, bytes]  # status, content type, body
Route = Callable[[], Awaitable[ProbeResponse]]


@dataclass(frozen=True, slots=True)
class Probes:
    """The answers of one process.

    `live` and `ready` return problems, each as a sentence; an empty list is healthy. `metrics` returns the exposition
    within the scraper's timeout in seconds. `more` holds further paths. The supervisor reads `live` and `ready` at once
    from /look.
    """

    live: Callable[[], list[str]]
    ready: Callable[[], list[str]]
    metrics: Callable[[float], Awaitable[bytes]]
    more: dict[str, Route] = field(default_factory=dict)

    async def respond(self, path: str, timeout: float = DEFAULT_SCRAPE_TIMEOUT_SECONDS) -> ProbeResponse:
        """Respond to a GET of `path`; `timeout` is the scraper's timeout in seconds."""
        if path == "/livez":
            return _health_response(self.live())
        if path == "/readyz":
            return _health_response(self.ready())
        if path == "/look":
            return json_response({"live": self.live(), "ready": self.ready()})
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, await self.metrics(timeout)
        return await self.more[path]() if path in self.more else (404, "application/json", b"{}")


def _health_response(problems: list[str]) -> ProbeResponse:
    return json_response({"status": "down" if problems else "ok", "problems": problems}, 503 if problems else 200)


def json_response(value: object, status: int = 200) -> ProbeResponse:
    """Return a response with a JSON body."""
    return status, "application/json", json.dumps(value, default=str).encode()


@asynccontextmanager
async def serve_probes(probes: Probes, listener: socket.socket | None) -> AsyncIterator[None]:
    """Serve the probes on a listening socket while the block runs; do nothing without a socket."""
    if listener is None:
        yield
        return

    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine callback: Python 3.11 logs a traceback when it cancels the task of one at loop end.
        task = asyncio.get_running_loop().create_task(_serve_connection(probes, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, sock=listener, limit=_MAX_REQUEST_BYTES)
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
        while await _serve_request(probes, reader, writer):
            continue
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        _log.debug("probe connection lost", action="probe")
    finally:
        writer.close()


async def _serve_request(probes: Probes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Serve one request; return whether the connection stays open."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_TIMEOUT_SECONDS)
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    header = _SCRAPE_TIMEOUT.search(head)
    timeout = float(header[1]) if header else DEFAULT_SCRAPE_TIMEOUT_SECONDS
    status, kind, body = (
        (405, "application/json", b"{}") if method != "GET" else await _respond_safely(probes, path, timeout)
    )
    keep_alive = head.split(b"\r\n", 1)[0].endswith(b"HTTP/1.1") and not _CONNECTION_CLOSE.search(head)
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await asyncio.wait_for(writer.drain(), _REQUEST_TIMEOUT_SECONDS)
    return keep_alive


async def _respond_safely(probes: Probes, path: str, timeout: float) -> ProbeResponse:
    try:
        return await probes.respond(path, timeout)
    except Exception as error:  # a probe gets an answer even if a part fails
        _log.warning("probe failed", action="probe", path=path, exc_info=error)
        return json_response({"status": "down", "problems": [f"{type(error).__name__}: {error}"]}, 503)


def open_probe_socket(fd: int | None, host: str, port: int | None) -> socket.socket | None:
    """Return the socket inherited as `fd`, else one bound to host and port (0: any free port), else None."""
    if fd is not None:
        return socket.socket(fileno=fd)
    if port is None:
        return None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
