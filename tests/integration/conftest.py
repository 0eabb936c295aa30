"""Hub in this process: the real steps on a real PostgreSQL, and a client of its API."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from integrahub.api.app import create_app
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.dialects.base import Dialect
from integrahub.domain.steps import NOTIFY, STEPS
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.hub import Hub
from integrahub.resilience.deadlines import Deadlines
from integrahub.settings.model import Settings
from integrahub.worker.process import build_loops
from tests.conftest import Server
from tests.crash.client import cnpj_of
from tests.integration.documented import check_refusal

CNPJ = "05927228000145"
ADMIN = "an-admin-key-for-tests"
PATH = "/v1/inovafarma/products"
_NUMBERS = itertools.count(1)


@dataclass
class Client:
    """Integrator that posts with the key of one pharmacy and waits for batches."""

    http: httpx2.AsyncClient
    hub: Hub
    key: str = ""
    app: Any = None

    async def post(self, body: Any, load_type: str = "full", **headers: str) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"X-Inova-Load-Type": load_type, "X-Api-Key": self.key, "Content-Type": "application/json"} | headers
        return await self.http.post(PATH, content=content, headers={k: v for k, v in given.items() if v})

    async def load(self, body: Any, load_type: str = "full", **headers: str) -> dict[str, Any]:
        answer = await self.post(body, load_type, **headers)
        assert answer.status_code == 202, answer.text
        return await self.finished(answer.json()["batch_id"])

    async def get(self, path: str, key: str = "", /, **query: Any) -> Any:
        answer = await self._fetch(path, key, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def finished(self, batch_id: str, key: str = "") -> dict[str, Any]:
        async with asyncio.timeout(120):
            while not (batch := await self._look(batch_id, key)).get("finished_at"):
                await asyncio.sleep(0.02)
        if batch["items_total"] is not None:
            assert batch["items_processed"] + batch["items_failed"] == batch["items_total"], batch
        return dict(batch)

    async def _look(self, batch_id: str, key: str) -> dict[str, Any]:
        """Return a batch. As a client does, look again after a 503, which a slow machine may cause."""
        path = f"/v1/batches/{batch_id}"
        while (answer := await self._fetch(path, key)).status_code == 503:
            await asyncio.sleep(0.5)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def _fetch(self, path: str, key: str, /, **query: Any) -> httpx2.Response:
        return await self.http.get(path, params=query, headers={"X-Api-Key": key or self.key})

    async def products(self, **query: Any) -> dict[int, dict[str, Any]]:
        by_id: dict[int, dict[str, Any]] = {}
        cursor = ""
        while cursor is not None:
            page = await self.get("/v1/products", limit=100, cursor=cursor, sort="product_id", **query)
            by_id |= {item["id"]: item for item in page["items"]}
            cursor = page["pagination"]["next_cursor"]
        return by_id

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, path, json=body, headers={"X-Admin-Api-Key": ADMIN})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    """Return the URL of a database without tables."""
    postgres.execute("CREATE DATABASE {}", "without_tables")
    try:
        yield postgres.url_of("without_tables")
    finally:
        postgres.execute("DROP DATABASE {} WITH (FORCE)", "without_tables")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url, data_dir=tmp_path, admin_api_key=ADMIN, chunk_size=50, read_rate_limit="off"
    )


@asynccontextmanager
async def running(
    settings: Settings, steps: list[str], deadlines: Deadlines | None = None, dialect: Dialect | None = None
) -> AsyncIterator[Client]:
    """Run an API and a loop per step in their roles; yield a client without a key, whose `hub` may do all."""
    stop = asyncio.Event()
    async with (
        open_hub(settings) as hub,
        open_hub(settings, role=DatabaseRole.API, deadlines=deadlines) as api,
        open_hub(settings, role=DatabaseRole.WORKER) as worker,
    ):
        if dialect:
            hub, api, worker = (replace(each, dialect=dialect) for each in (hub, api, worker))
        # All roles share one bus: /health shows its circuit breaker, and receiving workers open it.
        api = replace(api, bus=worker.bus, breakers=api.breakers | {"bus": worker.breakers["bus"]})
        ingest = api.ingest()
        # Webhooks are sent in a role of its own: tests of webhooks run that step themselves.
        loops = build_loops(worker, [step for step in steps if step != NOTIFY], stop)
        loops_running = [asyncio.ensure_future(loop) for loop in loops]
        app = create_app(api, ingest)
        transport = httpx2.ASGITransport(app)
        hooks = {"response": [check_refusal]}
        async with httpx2.AsyncClient(transport=transport, base_url="http://hub", event_hooks=hooks) as http:
            yield Client(http, replace(hub, breakers=api.breakers, step_breakers=worker.step_breakers), app=app)
        stop.set()
        await asyncio.gather(*loops_running)
        await asyncio.gather(ingest.close(), app.state.refused_posts.close())


#: Mark of tests that use `shared_client`.
SHARED = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_client(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """Yield a client on a hub with every step, shared by the tests of a module: a hub per test costs 0.4 s of CPU.

    The tests change nothing that another looks at: they only read, or each has a `new_pharmacy`.
    """
    name = f"shared_{next(postgres.numbers)}"
    url, folder = postgres.create_database(name), tmp_path_factory.mktemp("shared")
    try:
        settings = Settings(database_url=url, data_dir=folder, admin_api_key=ADMIN, chunk_size=50)
        async with running(settings.model_copy(update={"read_rate_limit": "off"}), list(STEPS)) as client:
            client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
            yield client
    finally:
        postgres.drop_database(name)


async def new_pharmacy(client: Client) -> Client:
    """Return a client with the key of a new pharmacy of the same hub."""
    key = (await client.admin("POST", f"/admin/pharmacies/{cnpj_of(next(_NUMBERS))}/api-key"))["api_key"]
    return replace(client, key=key)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client with the key of one pharmacy, on a hub with every step."""
    async with running(settings, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client
