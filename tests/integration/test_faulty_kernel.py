"""A kernel that faults ends its process, and costs no record and no batch."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integrahub.db.products.chunk_merge import ChunkToApply
from integrahub.db.products.merge import merge_chunks
from integrahub.domain.dialects.base import KernelUnavailable
from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.domain.products import ChunkCounters
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, running
from tests.integration.test_flow import catalogue, product
from tests.integration.test_worker_crashes import _run, crash, crash_splitting
from tests.integration.test_zombies import _ready, _split

pytestmark = pytest.mark.kernel
_ROOT = Path(__file__).parents[2]
_MAX_WORKERS = 8  # one for each body, one that ends well, and some to spare


async def test_a_kernel_that_faults_at_every_call_costs_no_record(settings: Settings) -> None:
    try:
        InovaFarmaKernel()
    except KernelUnavailable as error:
        pytest.skip(str(error))
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        full = (await client.post(catalogue(120))).json()["batch_id"]
        delta = (await client.post([product(7) | {"PRICE": 99}], "delta")).json()["batch_id"]
        codes = []
        for _ in range(_MAX_WORKERS):
            codes.append(await _work_until_final(client, settings, delta))
            if codes[-1] is None:
                break
            for table in ("batches", "batch_chunks"):
                await crash(client, table)
        batches = [await client.finished(batch_id) for batch_id in (full, delta)]
        assert [(b["status"], b["inserted"], b["updated"]) for b in batches] == [
            ("COMPLETED", 120, 0),
            ("COMPLETED", 0, 1),
        ]
        assert len(codes) > 1 and codes[-1] is None and all(code < 0 for code in codes[:-1]), codes
        assert await _run(client, "SELECT id FROM dead_letters") == []
        assert (await client.products())[7]["price"] == 99


async def test_the_chunks_of_a_body_that_crashed_its_split_are_read_in_python(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = []

    async def merge(connection: Any, chunks: list[ChunkToApply], *given: Any) -> list[ChunkCounters]:
        allowed.extend(chunk.may_use_kernel for chunk in chunks)
        return await merge_chunks(connection, chunks, *given)

    monkeypatch.setattr("integrahub.db.chunks.apply.merge_chunks", merge)
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        posted = (await client.post(catalogue(120))).json()["batch_id"]
        await crash_splitting(client, posted, 1)
        await _split(client, posted)
        upsert = client.hub.upsert(uuid4())
        for number in range(3):
            await upsert(_ready(posted, number))
        assert allowed == [False, False, False]


async def _work_until_final(client, settings: Settings, batch_id: str) -> int | None:  # type: ignore[no-untyped-def]
    """Run a worker; return its code when it dies, or None when the batch is final."""
    environment = {
        **os.environ,
        "INTEGRAHUB_DATABASE_URL": settings.database_url or "",
        "INTEGRAHUB_DATA_DIR": str(settings.data_dir),
        "INTEGRAHUB_CHUNK_SIZE": "50",
    }
    command = [sys.executable, "-m", "tests.crash.faulty_kernel", "split,upsert,finish,sweep"]
    worker = await asyncio.create_subprocess_exec(
        *command, cwd=_ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while worker.returncode is None:
                if (await client.get(f"/v1/batches/{batch_id}"))["finished_at"]:
                    return None
                await asyncio.sleep(0.05)
        return worker.returncode
    finally:
        if worker.returncode is None:
            worker.terminate()
            await worker.wait()
