"""Chunks that take PostgreSQL too long, or memory, do not share a transaction with others."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from integrahub.db.chunks.apply import ApplyResult, LoadedChunk, apply_chunks
from integrahub.domain.errors import StatementTimeout
from integrahub.pipeline.upsert import step
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


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_chunks_of_many_bytes_do_not_share_one_transaction(
    idle: Client, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """Chunks of an encoded body are objects."""
    body = json.dumps(catalogue(150)).encode()
    posted = (await idle.post(gzip.compress(body) if encoding else body, **{"Content-Encoding": encoding})).json()
    posted = posted["batch_id"]
    await _split(idle, posted)
    sizes = []

    async def counted(database: Any, chunks: Sequence[LoadedChunk], *given: Any, **named: Any) -> ApplyResult:
        sizes.append([chunk.claim.number for chunk in chunks])
        return await apply_chunks(database, chunks, *given, **named)

    monkeypatch.setattr("integrahub.pipeline.upsert.step.apply_chunks", counted)
    memory = replace(step._MEMORY, max_bytes=10_000)  # a chunk has some 4600
    monkeypatch.setattr(step, "_MEMORY", memory)
    upsert = idle.hub.upsert(uuid4())
    await asyncio.gather(*(upsert(_ready(posted, number)) for number in range(3)))
    assert sizes == [[0, 1], [2]]
    chunks = await _run(idle, "SELECT status FROM batch_chunks")
    assert [chunk["status"] for chunk in chunks] == ["COMPLETED"] * 3


async def test_chunks_of_a_transaction_that_follow_each_other_are_read_at_once(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [record | {"DESCRIPTION": "x" * 800} for record in catalogue(150)]
    posted = (await idle.post(records)).json()["batch_id"]
    await _split(idle, posted)
    reads: list[int | None] = []
    stored = idle.hub.storage.get

    def get(name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        reads.append(length)
        return stored(name, start, length)

    monkeypatch.setattr(idle.hub.storage, "get", get)
    upsert = idle.hub.upsert(uuid4())
    await asyncio.gather(*(upsert(_ready(posted, number)) for number in range(3)))
    assert len(reads) == 1 and (reads[0] or 0) > 120_000
