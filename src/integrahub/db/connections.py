"""Connections to PostgreSQL that end by a deadline of this process, whatever the server does."""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, TypeVar

from psycopg import AsyncConnection, OperationalError
from psycopg.abc import PQGen
from psycopg.rows import DictRow, dict_row

from integrahub.db.sessions import session

# A peer that vanished without a word is noticed within seconds, also while an answer is waited for.
NETWORK: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
ANSWER = 130.0  # seconds for one statement outside the pool
_CONNECT = 10.0  # seconds for a connection: name, addresses and login together
_CANCEL = 0.5  # seconds a server may take to hear that a statement is to end
_T = TypeVar("_T")


class Unanswered(OperationalError):
    """PostgreSQL did not answer before the deadline of this process; its connection was cut."""


class HubConnection(AsyncConnection[DictRow]):
    """A connection that is cut when the server leaves one exchange unanswered for `answer` seconds; None: never.

    A frozen server cannot enforce its own statement timeout. Cutting the socket makes whatever waits fail at once; a
    cancellation would wait for the server once more.
    """

    answer: float | None = None
    was_cut = False

    async def wait(self, gen: PQGen[_T], *how: Any, **named: Any) -> _T:
        """Wait as psycopg does, no longer than `answer`."""
        if self.answer is None:
            return await super().wait(gen, *how, **named)
        timer = asyncio.get_running_loop().call_later(self.answer, self.cut)
        try:
            return await super().wait(gen, *how, **named)
        except OperationalError as error:
            if self.was_cut:
                raise Unanswered(f"no answer within {self.answer:g} s") from error
            raise
        finally:
            timer.cancel()

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Ask the server to end the statement; cut the connection when it does not hear that."""
        try:
            await super().cancel_safe(timeout=min(timeout, _CANCEL))
        except Exception:
            self.cut()
            raise

    def cut(self) -> None:
        """End the connection without a word to the server."""
        self.was_cut = True
        with suppress(OSError, OperationalError), socket.socket(fileno=os.dup(self.pgconn.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)


async def connect(url: str, *, answer: float | None = ANSWER, options: str = "", **keywords: Any) -> HubConnection:
    """Open one connection of the hub; Unanswered when there is none in time. `options` are further `-c name=value`."""
    given: dict[str, Any] = {"row_factory": dict_row, **NETWORK, **session(options), **keywords}
    try:
        async with asyncio.timeout(_CONNECT):
            connection = await HubConnection.connect(url, **given)
    except TimeoutError:
        raise Unanswered(f"no connection within {_CONNECT:g} s") from None
    connection.answer = answer
    return connection
