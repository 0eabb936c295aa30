"""Chunks of a split, and the cost of reading them, for any body."""

import gzip
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integrahub.db.batches.rows import SplitClaim
from integrahub.domain.batches import BatchKind, LoadType
from integrahub.domain.dialects.base import KernelUnavailable, RecordKernel
from integrahub.domain.dialects.inovafarma.dialect import InovaFarma
from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.encodings import Inflater, create_inflater
from integrahub.pipeline.split.chunker import Chunker, SplitLimits
from integrahub.storage.memory import MemoryStorage
from integrahub.storage.spill import REJECTION, Record, SpillPartitions
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product

_CLAIM: dict[str, Any] = {
    "load_type": LoadType.FULL,
    "time_zone": "America/Sao_Paulo",
    "media_type": "application/json",
}
_MANY = 1_500_000 if os.environ.get("IHUB_LONG") else 1_000_000
_GROWTH = 16 * (_MANY - 100_000) // 2  # half of what ids and hashes occupy
_CLAIM |= {"encoding": "", "body": None, "location": "batches/x", "cnpj": "05927228000145", "kind": BatchKind.LOAD}
_CLAIM |= {"pharmacy_id": 1, "attempts": 0, "crashes": 0, "has_products": False, "has_turn": True}


async def _cut(records: int, pattern: bytes) -> tuple[list[int], int]:
    """Split a body of many records; return the sizes of its chunks and the memory after reading all."""

    async def blocks() -> AsyncIterator[bytes]:
        yield b"["
        for start in range(0, records, 4000):
            part = b",".join(pattern % n for n in range(start + 1, min(start + 4000, records) + 1))
            yield part if start == 0 else b"," + part
        yield b"]"

    claim = SplitClaim(id=uuid4(), claim_token=uuid4(), **_CLAIM)
    chunker = Chunker(claim, SplitLimits(), MemoryStorage(), blocks, None, InovaFarma())
    try:
        await chunker.run()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        rows = [(len(row.ids.numbers), row.records) for row in chunker.staged]
        assert sum(answered for _, answered in rows) == records
        return [count for count, _ in rows], resident
    finally:
        chunker.close()


async def test_memory_does_not_grow_with_the_number_of_tiny_records() -> None:
    _, few = await _cut(100_000, b'{"PRODUCTID":%d}')
    sizes, many = await _cut(_MANY, b'{"PRODUCTID":%d}')
    assert len(sizes) == _MANY // 1000
    assert many - few < _GROWTH, "ids and hashes alone are more"


async def test_no_chunk_is_longer_than_its_bounds_though_one_product_fills_the_body() -> None:
    sizes, _ = await _cut(30_000, b'{"PRODUCTID":7,"X":%d}')
    assert max(sizes) <= 1100 and len(sizes) == 28 + 30  # read, and left to chunks that reject them


async def _fail(body: bytes, kernel: RecordKernel | None) -> tuple[str, int | None, dict[str, Any]] | None:
    """Split a body; return its error."""

    async def blocks() -> AsyncIterator[bytes]:
        yield body

    claim = SplitClaim(id=uuid4(), claim_token=uuid4(), **_CLAIM)
    chunker = Chunker(claim, SplitLimits(), MemoryStorage(), blocks, None, InovaFarma(kernel))
    try:
        await chunker.run()
    except BodyError as error:
        return error.code, error.offset, error.facts
    finally:
        chunker.close()
    return None


@pytest.mark.kernel
@pytest.mark.parametrize(("unreadable", "is_refused"), [(100, False), (400, True)])
async def test_a_body_without_a_catalogue_is_refused_alike_with_the_kernel(
    unreadable: int, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        kernel = InovaFarmaKernel()
    except KernelUnavailable as error:
        pytest.skip(str(error))
    monkeypatch.setattr("integrahub.pipeline.split.chunker.MAX_UNREADABLE", 10)
    plain = b'{"PRODUCTID":%d,"TITLE":"' + b"t" * 80 + b'"}'
    records = [plain.replace(b"%d", b'"x"')] * unreadable + [plain % n for n in range(1, 501 - unreadable)]
    body = b"[" + b",".join(records) + b"]"
    failed = await _fail(body, kernel)
    assert failed == await _fail(body, None)
    assert (failed is not None) == is_refused


async def _read(client: Client, batch: dict[str, Any]) -> list[tuple[Any, ...]]:
    shown = "SELECT location = 'body' AS is_slice, status, records, worker_id IS NULL FROM batch_chunks"
    async with client.hub.database.transaction() as connection:
        found = await connection.execute(f"{shown} WHERE batch_id = %s ORDER BY number", [batch["batch_id"]])
        return [tuple(row.values()) for row in await found.fetchall()]


async def test_a_compressed_body_is_not_decoded_once_per_chunk(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = 0

    def counted(encoding: str) -> Inflater:
        nonlocal decoded
        decoded += bool(encoding)
        return create_inflater(encoding)

    monkeypatch.setattr("integrahub.storage.chunks.create_inflater", counted)
    few = await client.load(gzip.compress(json.dumps(catalogue(40)).encode()), **{"Content-Encoding": "gzip"})
    assert (await _read(client, few), decoded) == ([(True, "COMPLETED", 40, False)], 1)
    wire = [product(n % 64 + 1, PRICE=7) for n in range(300)]
    many = await client.load(gzip.compress(json.dumps(wire).encode()), "delta", **{"Content-Encoding": "gzip"})
    assert (many["merged"], decoded) == (236, 1)
    chunks = await _read(client, many)
    assert not any(is_slice for is_slice, *_ in chunks)


async def test_chunks_that_answer_for_no_record_reach_no_upsert_worker(client: Client) -> None:
    wire = [product(n % 60 + 1, PRICE=7) for n in range(300)]
    batch = await client.load(wire)
    assert (batch["status"], batch["inserted"], batch["merged"]) == ("COMPLETED", 60, 240)
    chunks = await _read(client, batch)
    assert [chunk[1:] for chunk in chunks if not chunk[2]] == [("COMPLETED", 0, True)] * 6
    assert sum(chunk[2] for chunk in chunks) == 300


@pytest.mark.parametrize(("records", "length", "is_product"), [(10_000, 20, True), (10_001, 20, False)])
def test_a_product_is_one_up_to_its_bound_in_records(records: int, length: int, is_product: bool) -> None:
    assert _rejections([(n, n, b"r" * length, 7, n, length) for n in range(records)]) == (
        [""] if is_product else [REJECTION]
    )


def test_a_product_is_one_up_to_8_megabytes_and_its_neighbours_never_notice() -> None:
    length = 60_000
    most = (8 << 20) // length
    own = [(n, n, b"r" * length, 7, n, length) for n in range(most)]
    assert _rejections(own) == [""]
    assert _rejections([*own, (most, most, b"r" * length, 7, most, length)]) == [REJECTION]
    assert _rejections([(most + 1, 0, b"other", 8, 0, 5), *own, own[0]]) == ["", REJECTION]


def _rejections(records: list[Record]) -> list[str]:
    """Return the rejection of each chunk of straddling products, without repeats."""
    partitions = SpillPartitions(1, 1000)
    try:
        for record in records:
            partitions.add(record)
        drafts = list(partitions.build_chunks())
        assert sum(len(draft.records) for draft in drafts) == len(records)
        assert all(len(draft.records) <= 1000 and draft.size < 5 << 20 for draft in drafts if draft.rejection)
        return list(dict.fromkeys(draft.rejection for draft in drafts))
    finally:
        partitions.close()
