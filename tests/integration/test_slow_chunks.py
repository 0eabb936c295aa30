"""A chunk that PostgreSQL takes too long to apply holds back no other chunk."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from integrahub.db.chunks.apply import ApplyResult, LoadedChunk, apply_chunks
from integrahub.domain.errors import StatementTimeout
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue
from tests.integration.test_worker_crashes import _run
from tests.integration.test_zombies import _ready, _split


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub without workers."""
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


@pytest.mark.parametrize("is_slow_alone", [False, True])
async def test_chunks_whose_transaction_takes_too_long_are_applied_apart(
    idle: Client, monkeypatch: pytest.MonkeyPatch, is_slow_alone: bool
) -> None:
    posted = (await idle.post(catalogue(120))).json()["batch_id"]
    await _split(idle, posted)
    sizes = []

    async def slow(database: Any, chunks: Sequence[LoadedChunk], *given: Any, **named: Any) -> ApplyResult:
        sizes.append(len(chunks))
        if len(chunks) > 1 or (is_slow_alone and chunks[0].claim.number == 0):
            raise StatementTimeout("took too long")
        return await apply_chunks(database, chunks, *given, **named)

    monkeypatch.setattr("integrahub.pipeline.upsert.step.apply_chunks", slow)
    upsert = idle.hub.upsert(uuid4())
    await asyncio.gather(*(upsert(_ready(posted, number)) for number in range(3)))
    assert sizes[-1] == 1 and max(sizes) > 1
    chunks = await _run(idle, "SELECT status, attempts FROM batch_chunks ORDER BY number")
    first = "RETRYING" if is_slow_alone else "COMPLETED"
    assert [chunk["status"] for chunk in chunks] == [first, "COMPLETED", "COMPLETED"]
    assert [chunk["attempts"] for chunk in chunks] == [0, 0, 0]
