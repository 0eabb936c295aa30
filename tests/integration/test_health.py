"""Health: asked by anybody, so one look serves all who ask at once."""

import asyncio

import pytest

from integrahub.storage.guarded import GuardedStorage
from tests.integration.conftest import Client


async def test_many_who_ask_at_once_cost_one_look_at_the_dependencies(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    check = GuardedStorage.check

    async def counted(self: GuardedStorage) -> None:
        nonlocal looks
        looks += 1
        await check(self)

    monkeypatch.setattr(GuardedStorage, "check", counted)
    answers = await asyncio.gather(*(client.http.get("/health") for _ in range(50)))
    answers += [await client.http.get("/health") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert looks <= 5  # one a second, on a slow machine too
