"""HTTP/1.1 protocol of the API that takes plain posts itself and leaves every other request to the application."""

import asyncio
from functools import partial
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from integrahub.api.posts.plain import Headers, PlainPost, PlainPosts, Posted
from integrahub.telemetry.metrics.http import POST_ROUTE
from integrahub.web.header_timeout import HeaderTimeoutProtocol

_log = structlog.get_logger()


class _NoWaiter:
    """Event for which no task waits."""

    def set(self) -> None:
        """Do nothing."""


class _PlainCycle:
    """A plain post and its answer, with what the protocol reads of uvicorn's cycle of request and response."""

    __slots__ = (
        *("body", "disconnected", "keep_alive", "message_event", "more_body", "post", "response_complete", "scope"),
    )

    def __init__(self, post: PlainPost) -> None:
        self.post: PlainPost | None = post  # until the answer: an idle connection must not hold a body
        self.body = bytearray()
        self.scope = {"caller": post.caller}
        self.keep_alive, self.more_body = True, True
        self.disconnected, self.response_complete = False, False
        self.message_event = _NO_WAITER


class PlainPostProtocol(HeaderTimeoutProtocol):
    """HTTP/1.1 as in the base class. A post whose head and body were received together may be plain."""

    def __init__(self, *args: Any, plain_posts: PlainPosts, headers: Headers, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plain_posts = plain_posts
        self._headers = headers  # of every answer

    def on_headers_complete(self) -> None:
        """Take the request if it is a plain post; else start it as the base class does."""
        post = self._read_plain()
        if post is None:
            super().on_headers_complete()
            return
        self._stop_head_timeout()
        self._connections.mark_busy(self)
        self._is_in_body = True
        self.cycle = _PlainCycle(post)  # type: ignore[assignment]
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Pass bytes of a body on; that of a plain post is known already."""
        if not isinstance(self.cycle, _PlainCycle):
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request; accept a plain post."""
        super().on_message_complete()
        cycle: Any = self.cycle
        if isinstance(cycle, _PlainCycle) and cycle.post:
            self._plain_posts.accept(cycle.post, partial(self._answer, cycle), partial(self._refuse_plain, cycle))

    def _read_plain(self) -> PlainPost | None:
        if not self._rest or self.flow.write_paused or self.parser.get_method() != b"POST":
            return None
        is_first = self.cycle is None or self.cycle.response_complete
        is_simple = self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive()
        if not is_first or not is_simple or self.parser.should_upgrade():
            return None
        try:
            return self._plain_posts.read(Posted(self.scope, self.url, self._rest))  # type: ignore[arg-type]
        except Exception:  # in the parser's callback it would be a request that cannot be read
            _log.exception("cannot tell whether a post is plain, leaving it to the application", action="read_plain")
            return None

    def _answer(self, cycle: _PlainCycle, headers: Headers, body: bytes) -> None:
        cycle.response_complete, cycle.post = True, None
        if cycle.disconnected:
            return
        lines = [b"%s: %s\r\n" % pair for pair in (*self.server_state.default_headers, *headers, *self._headers)]
        closing = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(b"".join((STATUS_LINE[202], *lines, closing, b"\r\n", body)))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _refuse_plain(self, cycle: _PlainCycle, entries: dict[str, Any]) -> None:
        """Hand a post over to the application, which renders the error in `entries`."""
        path = self.root_path + POST_ROUTE
        query = self.url.partition(b"?")[2]
        scope = self.scope | {"method": "POST", "path": path, "raw_path": path.encode(), "query_string": query}
        ordinary = RequestResponseCycle(
            scope=scope | entries,  # type: ignore[arg-type]
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=cycle.keep_alive,
            on_response=self.on_response_complete,
        )
        ordinary.more_body, ordinary.disconnected = False, cycle.disconnected
        ordinary.message_event.set()
        if not cycle.disconnected:
            self._cycles[self._cycles.index(cycle)] = ordinary
        self.cycle = ordinary
        self._start_asgi_task(ordinary, self.app)


_NO_WAITER = _NoWaiter()
