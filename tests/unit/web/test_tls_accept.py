"""TLS handshakes on both event loops: limits from acceptance on."""

import asyncio
import http.client
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from integrahub.secrets.development_certificate import ensure_development_certificate
from integrahub.secrets.secret_files import CA_FILE
from integrahub.settings.model import Settings
from integrahub.telemetry.metrics.http import CONNECTIONS_CLOSED
from integrahub.web import tls_accept as arrivals
from integrahub.web.server import REQUEST_DRAIN_TIMEOUT_SECONDS, build_server
from integrahub.web.tls import Certificate
from integrahub.web.tls_accept import HandshakeLimits

_HALF = b"\x16\x03\x01\x02\x00\x01"  # of a handshake's first message
_PATIENCE = 30.0
_OTHER = "127.0.0.2"
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run on one of the event loops."""

    def go(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(work, 2 * _PATIENCE))

    return go


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    ensure_development_certificate(made)
    return made


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def _served(folder: Path, **settings: Any) -> AsyncIterator[int]:
    server = build_server(Settings(**settings), _app, 0, Certificate(*ensure_development_certificate(folder)))
    with socket.create_server(("127.0.0.1", 0)) as place:
        serving = asyncio.create_task(server._serve([place]))
        try:
            yield place.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


def _opened(held: ExitStack, port: int, source: str, said: bytes = b"") -> socket.socket:
    made = held.enter_context(socket.create_connection(("127.0.0.1", port), _PATIENCE, (source, 0)))
    made.sendall(said)
    return made


def _is_closed(one: socket.socket) -> bool:
    """Whether the hub closed it; its alert is no more than a goodbye."""
    one.setblocking(False)
    try:
        while one.recv(1000):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def _ask(folder: Path, port: int, source: str) -> int:
    context = ssl.create_default_context(cafile=folder / CA_FILE)
    client = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=_PATIENCE, source_address=(source, 0), context=context
    )
    try:
        client.request("GET", "/")
        return client.getresponse().status
    finally:
        client.close()


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.02)


def _closed(reason: str) -> float:
    return CONNECTIONS_CLOSED.values.get((reason,), [0.0])[0]


def test_connections_that_say_nothing_count_for_the_bound_of_their_address(run: Run, folder: Path) -> None:
    async def flood() -> None:
        before = _closed("idle_address")
        async with _served(folder, max_connections_per_address=5) as port:
            with ExitStack() as held:
                silent = [_opened(held, port, _OTHER) for _ in range(20)]
                await _until(lambda: sum(map(_is_closed, silent)) == 15)
                assert not any(map(_is_closed, silent[15:]))
                assert _closed("idle_address") == before + 15
                assert await asyncio.to_thread(_ask, folder, port, "127.0.0.1") == 204
                assert await asyncio.to_thread(_ask, folder, port, _OTHER) == 204

    run(flood())


def _with(monkeypatch: pytest.MonkeyPatch, limits: HandshakeLimits) -> None:
    monkeypatch.setattr(arrivals, "HANDSHAKE_LIMITS", limits)


@pytest.mark.parametrize(
    ("reason", "limits"), [("address", HandshakeLimits(9, 3, 0.1)), ("total", HandshakeLimits(3, 9, 0.1))]
)
def test_handshakes_that_stop_half_way_keep_nobody_out(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, reason: str, limits: HandshakeLimits
) -> None:
    _with(monkeypatch, limits)

    async def flood() -> None:
        before = _closed(f"handshake_{reason}")
        async with _served(folder) as port:
            with ExitStack() as held:
                half = [_opened(held, port, _OTHER, _HALF) for _ in range(10)]
                for source in ("127.0.0.1", _OTHER):
                    assert await asyncio.to_thread(_ask, folder, port, source) == 204
                await _until(lambda: sum(map(_is_closed, half)) >= 7)
                assert _closed(f"handshake_{reason}") >= before + 7
                assert not _is_closed(half[-1])  # a handshake keeps its seat while no other connection waits

    run(flood())


def test_many_who_speak_at_once_are_all_secured(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, HandshakeLimits(2, 2))
    before = _closed("handshake_total"), _closed("handshake_address")

    async def ask(port: int) -> None:
        wires = await asyncio.gather(
            *(asyncio.open_connection("127.0.0.1", port, ssl=_trusting(folder)) for _ in range(20))
        )
        for reader, writer in wires:
            writer.write(b"GET / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
            writer.close()

    async def crowd() -> None:
        async with _served(folder) as port:
            await ask(port)

    run(crowd())
    assert before == (_closed("handshake_total"), _closed("handshake_address"))


def _trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / CA_FILE)


@pytest.mark.parametrize("said", [b"", _HALF, b"GET / HTTP/1.1\r\n\r\n"], ids=["silent", "half", "plain"])
def test_a_client_that_never_speaks_tls_is_ended(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    assert arrivals.HANDSHAKE_LIMITS.timeout == 10
    _with(monkeypatch, HandshakeLimits(timeout=0.2))

    async def wait() -> None:
        before = _closed("slow_handshake")
        async with _served(folder) as port:
            with ExitStack() as held:
                mute = _opened(held, port, _OTHER, said)
                await _until(lambda: _is_closed(mute))
                assert _closed("slow_handshake") == before + (said in (b"", _HALF))

    run(wait())


def test_who_is_accepted_before_the_end_is_secured_and_answered(run: Run, folder: Path) -> None:
    async def last() -> None:
        end = asyncio.Event()
        port_known: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def serve() -> None:
            async with _served(folder) as port:
                port_known.set_result(port)
                await end.wait()

        serving: Awaitable[None] = asyncio.ensure_future(serve())
        port = await port_known
        with ExitStack() as held:
            assert await asyncio.to_thread(_ask, folder, port, _OTHER) == 204
            own, mute = (_opened(held, port, _OTHER) for _ in range(2))
            own.setblocking(False)
            end.set()
            await asyncio.sleep(0.1)  # accepted at the last moment; it speaks when its server is ending
            reader, writer = await asyncio.open_connection(
                sock=held.enter_context(own.dup()), ssl=_trusting(folder), server_hostname="localhost"
            )
            writer.write(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
            await serving
            writer.close()
            await _until(lambda: _is_closed(mute))

    run(last())


def test_a_client_that_never_answers_the_end_of_tls_does_not_delay_shutdown(run: Run, folder: Path) -> None:
    async def drain() -> None:
        now = asyncio.get_running_loop().time
        with ExitStack() as held:
            async with _served(folder) as port:
                client = http.client.HTTPSConnection("127.0.0.1", port, context=_trusting(folder))
                held.callback(client.close)
                await asyncio.to_thread(client.request, "GET", "/")
                assert (await asyncio.to_thread(client.getresponse)).status == 204
                begin = now()
            assert now() - begin < REQUEST_DRAIN_TIMEOUT_SECONDS / 2

    run(drain())
