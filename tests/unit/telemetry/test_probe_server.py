"""Probe server: responses over persistent and closed connections."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from integrahub.telemetry.probe_server import Probes, serve_probes


async def _metrics(_: float) -> bytes:
    return b""


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> tuple[str, bytes]:
    writer.write(f"{head}\r\n\r\n".encode())
    told = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(int(line.split(":")[1]) for line in told.splitlines() if line.startswith("Content-Length"))
    return told, await reader.readexactly(length)


async def test_the_fleets_look_tells_what_is_wrong_and_what_is_missing_over_one_connection() -> None:
    problems: list[str] = []
    place = socket.create_server(("127.0.0.1", 0))
    async with serve_probes(Probes(lambda: ["stuck"], lambda: problems, _metrics), place):
        reader, writer = await asyncio.open_connection(*place.getsockname())
        assert json.loads((await _ask(reader, writer, "GET /look HTTP/1.1"))[1]) == {"live": ["stuck"], "ready": []}
        problems.append("PostgreSQL is away")
        told, body = await _ask(reader, writer, "GET /look HTTP/1.1")
        assert "keep-alive" in told and json.loads(body)["ready"] == ["PostgreSQL is away"]
        writer.close()


@pytest.mark.parametrize("head", ["GET /livez HTTP/1.1\r\nConnection: close", "GET /livez HTTP/1.0"])
async def test_who_asks_to_close_or_cannot_stay_is_let_go(head: str) -> None:
    place = socket.create_server(("127.0.0.1", 0))
    async with serve_probes(Probes(list, list, _metrics), place):
        reader, writer = await asyncio.open_connection(*place.getsockname())
        assert "Connection: close" in (await _ask(reader, writer, head))[0]
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_process_that_ends_while_it_is_watched_says_nothing_of_it(
    loops: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    complaints: list[dict[str, Any]] = []
    place = socket.create_server(("127.0.0.1", 0))
    fleet = socket.create_connection(place.getsockname())

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with serve_probes(Probes(list, list, _metrics), place):
            fleet.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
            assert b"200 OK" in await asyncio.to_thread(fleet.recv, 1000)

    with fleet, asyncio.Runner(loop_factory=loops) as runner:
        runner.run(watched())
    assert complaints == []
