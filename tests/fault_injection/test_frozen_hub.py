"""A frozen PostgreSQL: clients get responses, and accepted batches are unaffected."""

import asyncio
import json
from pathlib import Path
from time import monotonic

from integrahub.db.database import Database
from integrahub.domain.steps import STEPS
from integrahub.resilience.deadlines import Deadlines
from integrahub.settings.model import Settings
from tests.fault_injection.freezing import frozen
from tests.fault_injection.test_network import attempts_used, behind
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import catalogue

SHORT = Deadlines(pool=0.3, answer=0.5, statement=0.4, lock=0.3, commit=1.0, storage=0.5)


async def answered(client: Client, number: int) -> None:
    """Check that a post and a read end soon, with Retry-After."""
    begun = monotonic()
    post, read = await asyncio.gather(
        client.post(catalogue(2 + number), "delta"),
        client.http.get("/v1/batches", headers={"X-Api-Key": client.key}),
    )
    assert (post.status_code, read.status_code) == (503, 503)
    assert int(post.headers["Retry-After"]) >= 1 and int(read.headers["Retry-After"]) >= 1
    assert monotonic() - begun < 8


async def test_while_postgresql_is_frozen_every_request_is_answered_and_work_goes_on_after(
    own_postgres: tuple[int, str], tmp_path: Path
) -> None:
    pid, url = own_postgres
    settings = Settings(database_url=url, data_dir=tmp_path, admin_api_key=ADMIN, chunk_size=50, rate_limit="off")
    async with running(settings, list(STEPS), SHORT) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        accepted = (await client.post(catalogue(1000))).json()["batch_id"]
        with frozen(pid):
            for number in range(4):
                await answered(client, number)
            health = await client.http.get("/health")
            assert health.json()["status"] == health.json()["checks"]["postgresql"]["status"] == "down"
            assert health.json()["checks"]["postgresql"]["breaker"] != "closed"
        async with asyncio.timeout(10):
            while (again := await client.post(catalogue(2), "delta")).status_code != 202:
                await asyncio.sleep(0.1)
        assert (await client.finished(accepted))["inserted"] == 1000
        assert (await client.finished(again.json()["batch_id"]))["status"] == "COMPLETED"
        database = Database(url)
        await database.open()
        assert await attempts_used(database) == {"used": 0, "dead": 0}
        await database.close()


async def test_a_commit_whose_answer_is_lost_is_a_503_and_the_resend_is_the_same_batch(
    database_url: str, tmp_path: Path
) -> None:
    async with behind(database_url, tmp_path, SHORT) as (client, proxy):
        body = catalogue(3)
        proxy.marker = json.dumps(body).encode()
        answer = await client.post(body, "delta")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        proxy.marker = None
        async with asyncio.timeout(20):
            while (resent := await client.post(body, "delta")).status_code != 202:
                await asyncio.sleep(0.1)
        assert resent.headers.get("Idempotent-Replayed") == "true"
        await client.finished(resent.json()["batch_id"])
        assert len((await client.get("/v1/batches"))["items"]) == 1
