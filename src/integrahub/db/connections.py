"""Connections to PostgreSQL whose every exchange has a timeout in this process, also if the server is frozen."""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, TypeVar

from psycopg import AsyncConnection, OperationalError
from psycopg.abc import PQGen
from psycopg.rows import DictRow, dict_row

from integrahub.db.sessions import session

# The kernel detects a lost peer within seconds, also while the process waits for an answer.
_NETWORK_OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
_DEFAULT_ANSWER_TIMEOUT_SECONDS = 130.0  # for connections outside the pool
_CONNECT_TIMEOUT_SECONDS = 10.0  # for name resolution, all addresses and the login together
_CANCEL_TIMEOUT_SECONDS = 0.5
_MAX_LAG_SECONDS = 0.25  # of the event loop; with more, the answer may have arrived unseen
_LATE_ANSWER_SECONDS = 1.0
_T = TypeVar("_T")


class AnswerTimeout(OperationalError):
    """PostgreSQL did not answer in time; the connection was closed."""


class HubConnection(AsyncConnection[DictRow]):
    """A connection that shuts its socket down if one exchange takes longer than `answer_timeout` seconds.

    A frozen server cannot enforce its own statement timeout, and would not answer a cancel request either. Once the
    socket is shut down, every operation that waits on it fails at once. None: no timeout.
    """

    answer_timeout: float | None = None
    is_shut_down = False
    _timer: asyncio.TimerHandle

    async def wait(self, gen: PQGen[_T], *args: Any, **keywords: Any) -> _T:
        """Wait as psycopg does, for at most `answer_timeout` seconds."""
        if self.answer_timeout is None:
            return await super().wait(gen, *args, **keywords)
        loop = asyncio.get_running_loop()
        due = loop.time() + self.answer_timeout
        self._timer = loop.call_at(due, self._shut_down_unless_late, due)
        try:
            return await super().wait(gen, *args, **keywords)
        except OperationalError as error:
            if self.is_shut_down:
                raise AnswerTimeout(f"no answer within {self.answer_timeout:g} s") from error
            raise
        finally:
            self._timer.cancel()

    def _shut_down_unless_late(self, due: float) -> None:
        """Shut down; if this process was too busy to look in time, first take the answer that may have arrived."""
        loop = asyncio.get_running_loop()
        if loop.time() - due > _MAX_LAG_SECONDS:
            self._timer = loop.call_later(_LATE_ANSWER_SECONDS, self.shut_down)
        else:
            self.shut_down()

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Send a cancel request; if the server does not accept it, shut the connection down."""
        try:
            await super().cancel_safe(timeout=min(timeout, _CANCEL_TIMEOUT_SECONDS))
        except Exception:
            self.shut_down()
            raise

    def shut_down(self) -> None:
        """Shut the socket down without sending anything to the server."""
        self.is_shut_down = True
        with suppress(OSError, OperationalError), socket.socket(fileno=os.dup(self.pgconn.socket)) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)


async def connect(
    url: str, *, answer_timeout: float | None = _DEFAULT_ANSWER_TIMEOUT_SECONDS, options: str = "", **keywords: Any
) -> HubConnection:
    """Open a connection. `options` are additional `-c name=value`. Raise AnswerTimeout if the server is too slow."""
    arguments: dict[str, Any] = {"row_factory": dict_row, **_NETWORK_OPTIONS, **session(options), **keywords}
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            connection = await HubConnection.connect(url, **arguments)
    except TimeoutError:
        raise AnswerTimeout(f"no connection within {_CONNECT_TIMEOUT_SECONDS:g} s") from None
    connection.answer_timeout = answer_timeout
    return connection
