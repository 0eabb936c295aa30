"""HTTP/1.1 protocol of the API: limits on time and size of request heads; protocol upgrades are ignored."""

import asyncio
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from integrahub.api.middleware.unauthenticated_limit import has_key_header
from integrahub.api.problem_body import raw_problem
from integrahub.telemetry.metrics.http import CONNECTIONS_CLOSED
from integrahub.web.connections import ConnectionRegistry
from integrahub.web.console_paths import is_console_path
from integrahub.web.tls_accept import PendingConnection

_HEAD_TIMEOUT_SECONDS = 10.0
_MAX_HEAD_BYTES = 64 * 1024
_MAX_HELD_BYTES = 16 * 1024  # received after a request and not parsed before its response
_MAX_PIPELINED_REQUESTS = 32  # complete requests that wait for the response to an earlier one
_END_OF_HEAD = b"\r\n\r\n"
_WRITE_BUFFER_BYTES = 16 * 1024  # of a response, waiting for the client to read
_RETRY_SECONDS = 5
_UNREADABLE = raw_problem(HTTPStatus.BAD_REQUEST, "http_unreadable")
_SLOW = raw_problem(HTTPStatus.REQUEST_TIMEOUT, "head_slow", seconds=int(_HEAD_TIMEOUT_SECONDS))
_LARGE = raw_problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", limit=_MAX_HEAD_BYTES)
_FULL = raw_problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "connections_limited", f"retry-after: {_RETRY_SECONDS}", wait=_RETRY_SECONDS
)


class HeaderTimeoutProtocol(HttpToolsProtocol):
    """HTTP/1.1 that closes connections whose request head is too slow or too large. Routes limit the bodies.

    A request to change the protocol (`Upgrade: h2c`, `websocket`) is ignored, as RFC 9110 section 7.8 allows: the
    response is HTTP/1.1.
    """

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _reads = 0  # how often the client has read so much of its responses that writing resumed
    _held = b""  # received after a request without a response
    _rest = b""  # received with a whole head, after it
    _is_in_message = False
    _is_in_body = False

    def __init__(
        self, *args: Any, connections: ConnectionRegistry, pending: PendingConnection | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self._pending = pending
        self._cycles: list[Any] = []  # requests without a response

    @property
    def address(self) -> str:
        """The peer's address."""
        return self.client[0] if self.client else ""

    def unsent(self) -> tuple[int, int]:
        """Return the bytes that wait for the client, and how often it has read almost all of them."""
        return self.transport.get_write_buffer_size(), self._reads

    def is_anonymous(self) -> bool:
        """Return whether the request had no valid key."""
        return self.cycle is None or "caller" not in self.cycle.scope

    def is_tls(self) -> bool:
        """Return whether the connection holds the state of a TLS session."""
        return self.scheme == "https"

    def abort(self) -> None:
        """Close the connection at once."""
        self._disconnect()
        self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        """Register the connection and start the timeout of its first head; refuse it if there are too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(_WRITE_BUFFER_BYTES)
        if self._pending is not None:
            self._pending.hand_over()
            self._pending = None
        if self._connections.add(self):
            self._start_head_timeout()
        else:
            self._refuse(_FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the registry, and cancel its requests."""
        self._stop_head_timeout()
        self._connections.remove(self)
        self._disconnect()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Record that the client does not read its response."""
        super().pause_writing()
        self._connections.mark_stalled(self)

    def resume_writing(self) -> None:
        """Record that the client has read its response."""
        super().resume_writing()
        self._reads += 1
        self._connections.mark_resumed(self)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; those of an incomplete head count towards its limit."""
        self._unset_keepalive_if_required()
        if self._deadline is not None:
            self._head_bytes += len(data)
        try:
            self._parse(data)
        except HttpParserError:
            self._refuse(_UNREADABLE)
            return
        if self._deadline is not None and self._head_bytes > _MAX_HEAD_BYTES:
            CONNECTIONS_CLOSED.add("large_head")
            self._refuse(_LARGE)
        self._resume_keep_alive()

    def on_message_begin(self) -> None:
        """Start the timeout of the next request's head."""
        if len(self.pipeline) >= _MAX_PIPELINED_REQUESTS:
            CONNECTIONS_CLOSED.add("pipelined")
            raise HttpParserError("too many requests wait for a response")
        self._is_in_message = True
        super().on_message_begin()
        if self._deadline is None:
            self._start_head_timeout()

    def on_headers_complete(self) -> None:
        """Stop the timeout of the head and start the request."""
        self._stop_head_timeout()
        if self.parser.get_method() == b"CONNECT":
            raise HttpParserError("CONNECT is not supported")  # the bytes after it would not be HTTP
        self._connections.mark_busy(self)
        self._is_in_body = True
        # Read no more until the application reads the body: a client without a key must not fill the memory.
        self.flow.pause_reading()
        super().on_headers_complete()
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Pass bytes of a body on; drop those of a request without a key, which only the console's forms read."""
        if has_key_header(self.headers) or is_console_path(self.scope["path"]):
            super().on_body(body)

    def on_response_complete(self) -> None:
        """Drop the unread body, mark the connection as idle, and parse the bytes held meanwhile."""
        self._cycles = [cycle for cycle in self._cycles if not cycle.response_complete]
        if not self.pipeline:  # with a pipeline, `cycle` is a later request than the one answered
            self.cycle.body = bytearray()
            self._connections.mark_idle(self)
        super().on_response_complete()
        if self._held and not self.transport.is_closing():
            self.data_received(b"")

    def on_message_complete(self) -> None:
        """End the request, unless the parser skipped its body because of an upgrade: then the body follows."""
        if not self.parser.should_upgrade():
            self._is_in_message = self._is_in_body = False
            super().on_message_complete()

    def _parse(self, data: bytes) -> None:
        """Parse one request at a time; hold the bytes after it until its response, so that bursts cost no parsing."""
        data, self._held = self._held + data, b""
        while data:
            if self._is_unanswered():
                self._hold(data)
                return
            end = 0 if self._is_in_body else data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            part, data = (data[:end], data[end:]) if end >= len(_END_OF_HEAD) else (data, b"")
            # A head that began in an earlier read may end before `part` does: then a body, or a part of one, is in it.
            self._rest = b"" if self._is_in_message else data
            try:
                self.parser.feed_data(part)
            except HttpParserUpgrade as upgrade:
                data = part[upgrade.args[0] :] + data
                self._ignore_upgrade()

    def _is_unanswered(self) -> bool:
        """Return whether a request is complete and has no response."""
        is_complete = self._deadline is None and not self._is_in_body
        return is_complete and self.cycle is not None and not self.cycle.response_complete

    def _hold(self, data: bytes) -> None:
        if len(data) > _MAX_HELD_BYTES:
            CONNECTIONS_CLOSED.add("pipelined")
            raise HttpParserError("too many requests wait for a response")
        self._held = data
        self.flow.pause_reading()

    def _ignore_upgrade(self) -> None:
        """Continue with a parser that has read the head without its `Upgrade` header, so that it delimits the body.

        The parser that read the upgrade treats all bytes after the head as another protocol.
        """
        events = _EventsAfterHead(self)
        self.parser = HttpRequestParser(events)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # like the protocol's first parser
        lines = [b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        line = f"{self.scope['method']} / HTTP/{self.scope['http_version']}\r\n".encode()
        self.parser.feed_data(b"".join([line, *lines, b"\r\n"]))  # a request without a body ends here
        events.is_replaying_head = False

    def _resume_keep_alive(self) -> None:
        """Restart the keep-alive timer after the rest of a body that the response did not wait for."""
        is_idle = self._deadline is None and self.cycle is not None and self.cycle.response_complete
        if is_idle and not self.pipeline and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _start_head_timeout(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(_HEAD_TIMEOUT_SECONDS, self._close_slow_head)

    def _disconnect(self) -> None:
        """Mark all requests as disconnected; uvicorn itself does so for the newest alone."""
        for cycle in self._cycles:
            cycle.disconnected = True
            cycle.message_event.set()
        self._cycles.clear()

    def _stop_head_timeout(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_slow_head(self) -> None:
        CONNECTIONS_CLOSED.add("slow_head")
        self._refuse(_SLOW)

    def _refuse(self, response: bytes) -> None:
        self._stop_head_timeout()
        if not self.transport.is_closing():
            self.transport.write(response)
            self.transport.close()


class _EventsAfterHead:
    """Passes the events of a parser on to the protocol, except those of a head that the protocol has already read."""

    def __init__(self, protocol: HeaderTimeoutProtocol) -> None:
        self.is_replaying_head = True
        self._protocol = protocol
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if not self.is_replaying_head:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self.is_replaying_head:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_replaying_head:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self.is_replaying_head:
            self._protocol.on_headers_complete()
