"""The HTTP/1.1 protocol of the API: bounds on the head of a request, and offers of other protocols ignored."""

import asyncio
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from integrahub.api.middleware.unauthenticated_limit import has_key_header
from integrahub.api.problem_body import raw_problem
from integrahub.telemetry.metrics.http import CONNECTIONS_CLOSED
from integrahub.web.connections import Connections
from integrahub.web.tls_accept import Arrival

_SECONDS = 10.0  # until a request's head must be complete
_BYTES = 64 * 1024  # that a request's head may have
_MAX_HELD = 16 * 1024  # bytes after a request that may wait, unparsed, for its answer
_MAX_PIPELINED = 32  # requests behind a body, parsed with it, that may wait for the answer of the one before
_END = b"\r\n\r\n"  # of a head
_BUFFER = 16 * 1024  # bytes of an answer that may wait in this process for the client to take them
_RETRY_SECONDS = 5
_UNREADABLE = raw_problem(HTTPStatus.BAD_REQUEST, "http_unreadable")
_SLOW = raw_problem(HTTPStatus.REQUEST_TIMEOUT, "head_slow", seconds=int(_SECONDS))
_LARGE = raw_problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", limit=_BYTES)
_FULL = raw_problem(
    HTTPStatus.SERVICE_UNAVAILABLE, "connections_limited", f"retry-after: {_RETRY_SECONDS}", wait=_RETRY_SECONDS
)


class HeaderTimeoutProtocol(HttpToolsProtocol):
    """HTTP/1.1 that ends connections whose head comes too slowly or never ends. Bodies are bounded where they are read.

    Until the head is complete its bytes count, as far as they are known to be the head's. An offer to change the
    protocol (`Upgrade: h2c`, `websocket`) is ignored, as RFC 9110 7.8 allows: the request is answered in HTTP/1.1.
    """

    _deadline: asyncio.TimerHandle | None = None
    _head = 0
    _taken = 0
    _held = b""  # that came after a request which is not answered
    _is_in_body = False

    def __init__(
        self, *given: Any, open_connections: Connections, arrival: Arrival | None = None, **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._open = open_connections
        self._arrival = arrival
        self._cycles: list[Any] = []  # whose answers are not given

    @property
    def address(self) -> str:
        """The peer's address."""
        return self.client[0] if self.client else ""

    def unsent(self) -> tuple[int, int]:
        """Return the bytes that wait for the client, and how often it has taken all but a little of them."""
        return self.transport.get_write_buffer_size(), self._taken

    def is_strange(self) -> bool:
        """Whether the request showed no key that is known."""
        return self.cycle is None or "caller" not in self.cycle.scope

    def is_secured(self) -> bool:
        """Whether it has the state of TLS."""
        return self.scheme == "https"

    def end(self) -> None:
        """Close the connection at once."""
        self._disconnect()
        self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        """A client is there: it has to speak."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(_BUFFER)
        if self._arrival is not None:
            self._arrival.secured()
            self._arrival = None
        if self._open.add(self):
            self._await_head()
        else:
            self._refuse(_FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._end_wait()
        self._open.remove(self)
        self._disconnect()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take its answer."""
        super().pause_writing()
        self._open.stalled(self)

    def resume_writing(self) -> None:
        """The client took its answer."""
        super().resume_writing()
        self._taken += 1
        self._open.taken(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head count until it is complete."""
        self._unset_keepalive_if_required()
        if self._deadline is not None:
            self._head += len(data)
        try:
            self._parse(data)
        except HttpParserError:
            self._refuse(_UNREADABLE)
            return
        if self._deadline is not None and self._head > _BYTES:
            CONNECTIONS_CLOSED.add("large_head")
            self._refuse(_LARGE)
        self._await_request()

    def on_message_begin(self) -> None:
        """Another request of the same connection."""
        if len(self.pipeline) >= _MAX_PIPELINED:
            CONNECTIONS_CLOSED.add("pipelined")
            raise HttpParserError("too many requests wait for an answer")
        super().on_message_begin()
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._end_wait()
        if self.parser.get_method() == b"CONNECT":
            raise HttpParserError("this is no proxy")  # what follows it would be no HTTP
        self._open.busy(self)
        self._is_in_body = True
        # Nothing more is read before somebody wants the body: who has no key does not fill the process with one.
        self.flow.pause_reading()
        super().on_headers_complete()
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Keep bytes of a body; those of a request without a key are read by no route."""
        if has_key_header(self.headers):
            super().on_body(body)

    def on_response_complete(self) -> None:
        """The answer is given; what came of the body is dropped, and the rest will be."""
        self._cycles = [cycle for cycle in self._cycles if not cycle.response_complete]
        if not self.pipeline:  # else the newest request is another than the one answered
            self.cycle.body = bytearray()
            self._open.idle(self)
        super().on_response_complete()
        if self._held and not self.transport.is_closing():
            self.data_received(b"")

    def on_message_complete(self) -> None:
        """The body is complete, unless the parser left it out because of an offer: then it follows."""
        if not self.parser.should_upgrade():
            self._is_in_body = False
            super().on_message_complete()

    def _parse(self, data: bytes) -> None:
        """Parse one head after the other; what follows a request waits for its answer: a burst costs no time."""
        data, self._held = self._held + data, b""
        while data:
            if self._is_unanswered():
                self._hold(data)
                return
            end = 0 if self._is_in_body else data.find(_END) + len(_END)
            part, data = (data[:end], data[end:]) if end >= len(_END) else (data, b"")
            try:
                self.parser.feed_data(part)
            except HttpParserUpgrade as offer:
                data = part[offer.args[0] :] + data
                self._parse_body_as_usual()

    def _is_unanswered(self) -> bool:
        """Whether a request is complete and has no answer."""
        between = self._deadline is None and not self._is_in_body
        return between and self.cycle is not None and not self.cycle.response_complete

    def _hold(self, data: bytes) -> None:
        if len(data) > _MAX_HELD:
            CONNECTIONS_CLOSED.add("pipelined")
            raise HttpParserError("too many requests wait for an answer")
        self._held = data
        self.flow.pause_reading()

    def _parse_body_as_usual(self) -> None:
        """Go on with a parser that has read the head without the offer: it delimits the body as any other.

        The parser that saw the offer takes whatever follows the head for another protocol.
        """
        rest = _Rest(self)
        self.parser = HttpRequestParser(rest)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as the protocol's first
        lines = [b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        line = f"{self.scope['method']} / HTTP/{self.scope['http_version']}\r\n".encode()
        self.parser.feed_data(b"".join([line, *lines, b"\r\n"]))  # without a body the message is complete now
        rest.is_replay = False

    def _await_request(self) -> None:
        """Start the keep-alive timer again when bytes came that the answer did not wait for: its body's rest."""
        between = self._deadline is None and self.cycle is not None and self.cycle.response_complete
        if between and not self.pipeline and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _await_head(self) -> None:
        self._head = 0
        self._deadline = self.loop.call_later(_SECONDS, self._end_slow_head)

    def _disconnect(self) -> None:
        """Let no answer be written any more; of several under way uvicorn stops the newest alone."""
        for cycle in self._cycles:
            cycle.disconnected = True
            cycle.message_event.set()
        self._cycles.clear()

    def _end_wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_slow_head(self) -> None:
        CONNECTIONS_CLOSED.add("slow_head")
        self._refuse(_SLOW)

    def _refuse(self, answer: bytes) -> None:
        self._end_wait()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


class _Rest:
    """Passes a parser's events on to the protocol, except those of a head that the protocol has seen."""

    def __init__(self, protocol: HeaderTimeoutProtocol) -> None:
        self.is_replay = True
        self._protocol = protocol
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if not self.is_replay:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self.is_replay:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_replay:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self.is_replay:
            self._protocol.on_headers_complete()
