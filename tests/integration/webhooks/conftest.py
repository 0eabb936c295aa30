"""Endpoints in the database, a notify step of this process, and a clock that tests move."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from integrahub.db.database import Database
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.webhooks.events import OPERATOR_EVENTS
from integrahub.pipeline.notify.sender import WebhookSender
from integrahub.pipeline.notify.step import Notify

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
PUBLIC_URL = "https://hub.example"
_ADDRESSES = {"localhost": ["127.0.0.1"]}


async def resolve(host: str, port: int) -> list[str]:
    """Resolve the names of tests, and addresses to themselves."""
    return _ADDRESSES.get(host, [host])


@dataclass
class Webhooks:
    """The tables of webhooks, and a worker that sends them. Secrets are stored as they are."""

    url: str
    database: Database
    notify: Notify
    ids: list[UUID] = field(default_factory=list)

    def rows(self, statement: str, values: Any = None) -> list[dict[str, Any]]:
        """Run a statement as the owner of the tables."""
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def endpoint(self, url: str, **more: Any) -> UUID:
        """Store an endpoint, by default the operator's."""
        columns = {"owner": "operator", "url": url, "host": url.split("/")[2], "events": list(OPERATOR_EVENTS)}
        columns |= {"sealed_secret": KEY} | more
        names, places = ", ".join(columns), ", ".join(f"%({name})s" for name in columns)
        rows = self.rows(f"INSERT INTO webhook_endpoints ({names}) VALUES ({places}) RETURNING id", columns)
        return UUID(str(rows[0]["id"]))

    def deliver(self, endpoint: UUID, count: int = 1) -> list[str]:
        """Store deliveries that are due."""
        statement = """INSERT INTO webhook_deliveries (endpoint_id, event, next_attempt_at)
          SELECT %s, 'webhook.test', now() FROM generate_series(1, %s) RETURNING id::text"""
        return [row["id"] for row in self.rows(statement, (endpoint, count))]

    def deliveries(self) -> list[dict[str, Any]]:
        """Return all deliveries, oldest first, with the seconds until their next attempt as `wait`."""
        return self.rows("""SELECT *, extract(epoch FROM next_attempt_at - now())::float8 AS wait
          FROM webhook_deliveries ORDER BY created_at, id""")

    def attempts(self) -> list[dict[str, Any]]:
        """Return all attempts by number."""
        return self.rows("SELECT * FROM webhook_attempts ORDER BY number")

    def advance(self, seconds: float) -> None:
        """Let time pass, as far as the tables of webhooks know."""
        for table, columns in {
            "webhook_deliveries": ("next_attempt_at", "lease_until"),
            "webhook_endpoints": ("failing_since", "old_secret_ends_at"),
        }.items():
            changes = ", ".join(f"{column} = {column} - make_interval(secs => %(s)s)" for column in columns)
            self.rows(f"UPDATE {table} SET {changes}", {"s": seconds})

    def postpone(self, delivery: str) -> None:
        """Make a pending delivery due much later."""
        change = "UPDATE webhook_deliveries SET next_attempt_at = now() + interval '9 days' WHERE id = %s"
        self.rows(change, [delivery])

    async def run(self) -> None:
        """Send what is due now, and wait for the outcome."""
        async with asyncio.timeout(60):
            while await self.notify.start_due():
                await self.notify.finish()


@pytest.fixture
async def webhooks(database_url: str) -> AsyncIterator[Webhooks]:
    """Yield the tables and a worker in the role of the sender."""
    database = Database(database_url, role=DatabaseRole.NOTIFY)
    sender = WebhookSender(resolve)
    await database.open()
    notify = Notify(database, sender, lambda sealed: sealed, worker_id=uuid4(), public_url=PUBLIC_URL)
    yield Webhooks(database_url, database, notify)
    await database.close()
