"""Chunks commit without waiting for the disk: what a power cut takes from PostgreSQL is applied again."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.domain.events import CHUNKS_READY
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.fault_injection import freezing
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue

_WRITERS = "'walwriter', 'checkpointer', 'background writer'"


class Machine:
    """A PostgreSQL whose processes can be killed at once."""

    def __init__(self, folder: Path) -> None:
        self._engine = EmbeddedPostgres(folder)

    async def start(self) -> str:
        """Start PostgreSQL without the processes that write for others: only durable commits reach the disk."""
        url = await self._engine.start()
        await migrate(url)
        query = f"SELECT pid FROM pg_stat_activity WHERE backend_type IN ({_WRITERS})"
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for (pid,) in await (await connection.execute(query)).fetchall():  # type: ignore[call-overload]
                os.kill(pid, signal.SIGSTOP)
        return url

    async def cut_power(self) -> None:
        """Kill all processes of PostgreSQL. What was only in their memory is lost."""
        self.kill()
        await self._engine.stop()

    def kill(self) -> None:
        """Kill all processes of PostgreSQL, if it runs."""
        for pid in freezing.stop(self._engine.pid) if self._engine.pid else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="ihub-power-"))
    folder.chmod(0o711)
    started = Machine(folder)
    yield started
    started.kill()
    shutil.rmtree(folder)


@asynccontextmanager
async def _hub(settings: Settings, url: str, steps: list[str], key: str = "") -> AsyncIterator[Client]:
    async with running(settings.model_copy(update={"database_url": url}), steps) as client:
        client.key = key or (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def test_no_record_is_lost_whether_the_power_fails_before_or_after_the_end(
    machine: Machine, settings: Settings
) -> None:
    async with _hub(settings, await machine.start(), ["split"]) as client:
        key, batch_id = client.key, (await client.post(catalogue(200))).json()["batch_id"]
        # The message after the last chunk is durable, so two of the four chunks wait.
        ready, upsert = await client.hub.bus.receive(CHUNKS_READY, 2, 10.0), client.hub.upsert(uuid4())
        for delivery in ready:
            await upsert(delivery.body)
        assert (await _completed(client), len(ready)) == (2, 2)
        await machine.cut_power()
    url = await machine.start()
    async with _hub(settings, url, [], key) as client:
        assert await _completed(client) == 0, "the power cut took nothing, so this test proves nothing"
    async with _hub(settings, url, list(STEPS), key) as client:
        batch = await client.finished(batch_id)
        assert (batch["status"], batch["inserted"]) == ("COMPLETED", 200)
        await machine.cut_power()
    async with _hub(settings, await machine.start(), [], key) as client:
        assert (await client.finished(batch_id))["inserted"] == len(await client.products()) == 200
        await machine.cut_power()


async def _completed(client: Client) -> int:
    return await _count(client, "SELECT count(*) FROM batch_chunks WHERE status = 'COMPLETED'")


async def _count(client: Client, query: str) -> int:
    async with client.hub.database.transaction() as connection:
        row = await (await connection.execute(query.encode())).fetchone()
        return int(next(iter(row.values())))
