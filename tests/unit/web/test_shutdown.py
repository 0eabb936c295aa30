"""Clients that disconnect while several of their requests wait."""

import asyncio
import socket
from typing import Any

import pytest
import uvloop

from integrahub.settings.model import Settings
from integrahub.web.server import build_server


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_the_answer_of_a_request_with_others_behind_it_is_dropped_when_its_client_left(loop: Any) -> None:
    told: list[str] = []
    begun, answered = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        begun.set()
        told.append(scope["path"])
        try:
            assert (await receive())["type"] == "http.request"
            told.append((await receive())["type"])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            told.append("dropped")
        except Exception as error:
            told.append(repr(error))
        answered.set()

    async def leave() -> None:
        server = build_server(Settings(), app, 0, None)
        place = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server._serve([place]))
        _, writer = await asyncio.open_connection(*place.getsockname())
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: hub\r\n\r\n" % number for number in range(3)))
        await begun.wait()
        writer.close()
        await answered.wait()
        server.should_exit = True
        await serving

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(leave(), 30))
    assert told == ["/0", "http.disconnect", "dropped"]
