"""Keys of every kind on a hub without workers, and rows that tests put into the tables of webhooks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest
from psycopg.rows import dict_row

from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running

OTHER = "33000167000101"
THIRD = "11222333000181"
URL = "https://8.8.8.8/hook"
SETTING_KEY = "a-key-of-the-settings-7Q"


@dataclass
class Owners:
    """A hub, and keys by name: of two pharmacies, of vendors, and of operators."""

    client: Client
    database_url: str
    keys: dict[str, str] = field(default_factory=dict)

    async def call(self, key: str, method: str, path: str, body: Any = None, **query: Any) -> httpx2.Response:
        """Send a request with the key of this name."""
        headers = {"X-Api-Key": self.keys[key]}
        return await self.client.http.request(method, path, json=body, params=query, headers=headers)

    async def ok(self, key: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request that succeeds, and return its answer."""
        answer = await self.call(key, method, path, body, **query)
        assert answer.status_code in (200, 202), answer.text
        return answer.json()

    async def refused(self, key: str, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """Send a request that is refused, and return its status and code."""
        answer = await self.call(key, method, path, body, **query)
        return answer.status_code, answer.json().get("code", "")

    async def put(self, key: str, url: str = URL, **query: Any) -> dict[str, Any]:
        """Set the address of a key."""
        path = "/admin/webhook" if key == "admin" else "/v1/webhook"
        return dict(await self.ok(key, "PUT", path, {"url": url}, **query))

    def rows(self, statement: str, values: Any = None) -> list[dict[str, Any]]:
        """Run a statement as the owner of the tables."""
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def disable(self, endpoint: str, failing_for: str = "5 days") -> None:
        """Disable an endpoint that began to fail some time ago."""
        self.rows(
            "UPDATE webhook_endpoints SET state = 'disabled', disabled_reason = 'failing', disabled_at = now(),"
            " failing_since = now() - %s::interval WHERE id = %s",
            [failing_for, endpoint],
        )

    def deliver(self, endpoint: str, state: str, age: str = "1 minute", event: str = "batch.completed") -> UUID:
        """Store a delivery in a state, created some time ago."""
        row = self.rows(
            "INSERT INTO webhook_deliveries (endpoint_id, event, pharmacy_id, state, attempts, body, created_at,"
            " next_attempt_at, ended_at)"
            " SELECT id, %(event)s, pharmacy_id, %(state)s, 3, '{}', now() - %(age)s::interval,"
            " CASE WHEN %(state)s = 'pending' THEN now() + interval '1 hour' END,"
            " CASE WHEN %(state)s IN ('delivered', 'failed') THEN now() END"
            " FROM webhook_endpoints WHERE id = %(endpoint)s RETURNING id",
            {"endpoint": endpoint, "state": state, "age": age, "event": event},
        )[0]
        return UUID(str(row["id"]))

    def state_of(self, delivery: UUID) -> str:
        """Return the state of a delivery."""
        return str(self.rows("SELECT state FROM webhook_deliveries WHERE id = %s", [delivery])[0]["state"])


@pytest.fixture
async def owners(settings: Settings, database_url: str) -> AsyncIterator[Owners]:
    """Yield a hub with a public URL, on which no worker sends anything."""
    changes = {"public_url": "https://hub.example", "valid_api_keys": (SETTING_KEY,), "allow_weak_keys": True}
    async with running(settings.model_copy(update=changes), []) as client:
        owners = Owners(client, database_url, {"admin": ADMIN, "of the settings": SETTING_KEY})
        for cnpj in (CNPJ, OTHER):
            await client.admin("PUT", f"/admin/pharmacies/{cnpj}", {"name": "Farmácia"})
        wanted: dict[str, Any] = {
            "pharmacy": {"cnpjs": [CNPJ]},
            "same pharmacy": {"cnpjs": [CNPJ]},
            "other pharmacy": {"cnpjs": [OTHER]},
            "vendor": {"cnpjs": [CNPJ, OTHER]},
            "vendor of all": {"cnpjs": "all"},
            "reader": {"cnpjs": [CNPJ], "scopes": ["read"]},
            "poster": {"cnpjs": [CNPJ], "scopes": ["ingest"]},
            "viewer": {"cnpjs": "all", "scopes": ["viewer"]},
            "operator": {"cnpjs": "all", "scopes": ["operator"]},
        }
        for name, body in wanted.items():
            owners.keys[name] = (await client.admin("POST", "/admin/keys", body))["api_key"]
        yield owners
