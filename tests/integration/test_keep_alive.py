"""Keep-alive time of idle connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from integrahub.settings.model import Settings
from tests.integration.conftest import PATH, running
from tests.integration.listening import Wire, listening

_BALANCERS = 60  # seconds that nginx and ALB keep an idle connection


@pytest.fixture
async def port(settings: Settings) -> AsyncIterator[int]:
    briefly = settings.model_copy(update={"keep_alive_seconds": 1})
    async with running(briefly, []) as client, listening(client.app, briefly) as port:
        yield port


def test_an_idle_connection_outlives_a_balancers_by_default(settings: Settings) -> None:
    assert settings.keep_alive_seconds > _BALANCERS


async def test_an_idle_connection_ends_after_the_setting(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
        assert (await wire.answer()).status == 200
        begun = asyncio.get_running_loop().time()
        assert await wire.ended() == b""
        assert asyncio.get_running_loop().time() - begun > 0.5


async def test_a_connection_ends_whose_body_stays_unfinished_after_its_refusal(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\n[".encode())
        assert (await wire.answer()).status == 401
        await wire.send(b"1, 2")
        assert await wire.ended() == b""
