"""Faulty networks and disks cost time, not work: no attempt is used up, nothing is lost, the hub recovers."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrahub.db.database import Database
from integrahub.domain.steps import STEPS
from integrahub.resilience.deadlines import Deadlines
from integrahub.settings.model import Settings
from tests.conftest import reached
from tests.fault_injection.fault_proxy import Fault, Proxy
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue

_SECONDS = 300.0 if os.environ.get("IHUB_LONG") else 20.0  # of a blackhole


@asynccontextmanager
async def behind(
    database_url: str, folder: Path, deadlines: Deadlines | None = None
) -> AsyncIterator[tuple[Client, Proxy]]:
    """Yield a hub that reaches PostgreSQL through the proxy."""
    host = parse_qs(urlsplit(database_url).query)["host"][0]
    proxy = Proxy(f"{host}/.s.PGSQL.5432")
    port = await proxy.start()
    login, name = urlsplit(database_url).netloc, urlsplit(database_url).path.lstrip("/")
    url = f"postgresql://{login}127.0.0.1:{port}/{name}?sslmode=disable&gssencmode=disable"
    settings = Settings(database_url=url, data_dir=folder, admin_api_key="an-admin-key-for-tests", chunk_size=50)
    settings = settings.model_copy(update={"rate_limit": "off"})
    try:
        async with running(settings, list(STEPS), deadlines) as client:
            await reached(client.hub.database)
            client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
            yield client, proxy
    finally:
        await proxy.stop()


async def attempts_used(database: Database) -> dict[str, Any]:
    async with database.transaction() as connection:
        row = await (
            await connection.execute(
                "SELECT coalesce(sum(attempts), 0)::int AS used, count(*) FILTER (WHERE status = 'FAILED')::int AS dead"
                " FROM batch_chunks"
            )
        ).fetchone()
    assert row is not None
    return row


@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.BLACKHOLE, Fault.HALF_OPEN, Fault.LATENCY, Fault.TRICKLE])
async def test_a_broken_way_to_postgresql_uses_up_no_attempt_and_mends_itself(
    database_url: str, database: Database, tmp_path: Path, fault: Fault
) -> None:
    async with behind(database_url, tmp_path) as (client, proxy):
        posted = await client.post(catalogue(2000))
        await proxy.become(fault)
        await asyncio.sleep(_SECONDS if fault is Fault.BLACKHOLE else 5)
        await proxy.become(Fault.NONE)
        async with asyncio.timeout(120):
            batch = await _finished(client, posted.json()["batch_id"])
        assert (batch["status"], batch["inserted"]) == ("COMPLETED", 2000)
        assert await attempts_used(database) == {"used": 0, "dead": 0}


async def _finished(client: Client, batch_id: str) -> dict[str, Any]:
    """Wait until the batch is final, with retries while the hub answers 503."""
    while True:
        answer = await client.http.get(f"/v1/batches/{batch_id}", headers={"X-Api-Key": client.key})
        if answer.status_code == 200 and answer.json()["finished_at"]:
            return dict(answer.json())
        assert answer.status_code in (200, 503), answer.text
        await asyncio.sleep(0.2)


async def test_while_postgresql_is_away_posts_are_refused_with_when_to_come_again(
    database_url: str, tmp_path: Path
) -> None:
    async with behind(database_url, tmp_path) as (client, proxy):
        await proxy.become(Fault.RESET)
        answers = [await client.post(catalogue(2), "delta") for _ in range(8)]
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
        health = await client.http.get("/health")
        assert health.status_code == 503 and health.json()["checks"]["postgresql"]["breaker"] != "closed"
        await proxy.become(Fault.NONE)
        async with asyncio.timeout(60):
            while (await client.post(catalogue(2), "delta")).status_code != 202:
                await asyncio.sleep(0.2)


async def test_a_disk_that_takes_nothing_is_a_503_and_leaves_nothing(client: Client, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    objects.rmdir() if objects.is_dir() and not any(objects.iterdir()) else None
    objects.write_text("a file where the folder should be")
    large = json.dumps(catalogue(3000)).encode()
    answer = await client.post(large)
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    assert (await client.get("/v1/batches"))["items"] == []
    objects.unlink()
    async with asyncio.timeout(60):
        while (answer := await client.post(large)).status_code != 202:
            await asyncio.sleep(0.2)
    assert (await client.finished(answer.json()["batch_id"]))["inserted"] == 3000


async def test_storage_that_goes_away_between_split_and_upsert_uses_up_no_attempt(
    client: Client, database: Database, tmp_path: Path
) -> None:
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
        batch_id = (await client.post(json.dumps(catalogue(3000)).encode())).json()["batch_id"]
        async with asyncio.timeout(30):
            while (await client.get(f"/v1/batches/{batch_id}"))["stage"] != "upserting":
                await asyncio.sleep(0.05)
        (tmp_path / "objects" / "batches").rename(tmp_path / "away")
        (tmp_path / "objects" / "batches").write_text("in the way")
    await asyncio.sleep(6)
    (tmp_path / "objects" / "batches").unlink()
    (tmp_path / "away").rename(tmp_path / "objects" / "batches")
    batch = await client.finished(batch_id)
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 3000)
    assert await attempts_used(database) == {"used": 0, "dead": 0}
