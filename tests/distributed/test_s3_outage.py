"""S3 outage: posts get 503, accepted batches wait, and work resumes by itself."""

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from integrahub.db.database import Database
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from integrahub.storage.s3.config import S3Config
from tests.fault_injection.fault_proxy import Fault, Proxy
from tests.fault_injection.test_network import attempts_used
from tests.integration.conftest import ADMIN, CNPJ, Client, running

_SECONDS = 300.0 if os.environ.get("IHUB_LONG") else 20.0  # of a blackhole
RECORDS = [{"PRODUCTID": n, "TITLE": f"P {n}" * 50} for n in range(1, 3000)]  # too large to ride in a row


@asynccontextmanager
async def behind(settings: Settings, bucket: S3Config) -> AsyncIterator[tuple[Client, Proxy]]:
    """Yield a hub that reaches S3 through the proxy."""
    proxy = Proxy(int(str(bucket.endpoint).rpartition(":")[2]))
    url = f"s3://{bucket.bucket}?endpoint=http://127.0.0.1:{await proxy.start()}"
    keys = {"storage_access_key": bucket.access_key, "storage_secret_key": bucket.secret_key}
    try:
        async with running(settings.model_copy(update=keys | {"storage_url": url}), list(STEPS)) as client:
            client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
            yield client, proxy
    finally:
        await proxy.stop()


@pytest.mark.timeout(300)
async def test_while_s3_is_away_posts_get_503_and_all_goes_on_by_itself_when_it_is_back(
    database_url: str, tmp_path: Path, bucket: S3Config
) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, rate_limit="off")
    async with behind(settings, bucket) as (client, proxy):
        assert (await client.load(RECORDS))["inserted"] == 2999
        changed = [record | {"PRICE": 1} for record in RECORDS]
        accepted = await client.post(changed)
        await proxy.become(Fault.RESET)
        refused = await client.post([record | {"PRICE": 2} for record in RECORDS])
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) >= 1
        health = await client.http.get("/health")
        assert health.status_code == 503 and health.json()["checks"]["storage"]["status"] == "down"
        await proxy.become(Fault.NONE)
        assert (await client.finished(accepted.json()["batch_id"]))["updated"] == 2999
        async with asyncio.timeout(60):
            while (again := await client.post([record | {"PRICE": 2} for record in RECORDS])).status_code != 202:
                await asyncio.sleep(0.5)
        assert (await client.finished(again.json()["batch_id"]))["updated"] == 2999


@pytest.mark.timeout(900)
async def test_a_storage_that_swallows_everything_uses_up_no_attempt_and_mends_itself(
    database_url: str, database: Database, tmp_path: Path, bucket: S3Config
) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, rate_limit="off")
    async with behind(settings, bucket) as (client, proxy):
        body = gzip.compress(json.dumps(RECORDS).encode())
        text = {"Content-Encoding": "gzip"}
        plain = await client.post(RECORDS, "delta")
        encoded = await client.post(body, "full", **text)
        await proxy.become(Fault.BLACKHOLE)
        await asyncio.sleep(_SECONDS)
        await proxy.become(Fault.NONE)
        async with asyncio.timeout(180):
            batches = [await client.finished(answer.json()["batch_id"]) for answer in (plain, encoded)]
        assert [batch["status"] for batch in batches] == ["COMPLETED", "COMPLETED"]
        assert await attempts_used(database) == {"used": 0, "dead": 0}
