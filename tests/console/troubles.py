"""Dead letters and webhooks in a hub of the console's tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from integrahub.db.chunks import dead_letters
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.domain.events import CHUNKS_READY, DeadMessage
from integrahub.domain.failures import Failure
from tests.console.hub import ConsoleHub

HOSTILE = "<script>alert(1)</script> \u202etxet\u202c \U0001f48a"
CAUSE = Failure(
    "StatementTimeout", "57014", "products/merge.py:merge_chunks", "merge took too long", "Traceback: merge"
)
_ENDPOINT = (
    "INSERT INTO webhook_endpoints (owner, pharmacy_id, url, host, events, description, sealed_secret, state,"
    " disabled_at, disabled_reason) SELECT 'pharmacy', id, %s, %s, ARRAY['batch.completed'], %s, '\\x00', %s,"
    " CASE WHEN %s = 'disabled' THEN now() END, CASE WHEN %s = 'disabled' THEN 'failing' END"
    " FROM pharmacies WHERE cnpj = %s RETURNING id"
)
_DELIVERY = (
    "INSERT INTO webhook_deliveries (endpoint_id, event, pharmacy_id, state, attempts, body, ended_at)"
    " SELECT id, %s, pharmacy_id, %s, 1, %s, CASE WHEN %s IN ('failed', 'delivered') THEN now() END"
    " FROM webhook_endpoints WHERE id = %s RETURNING id"
)
_CAUSES = (
    "INSERT INTO dead_letters (records, error_class, error_code, culprit, message, stack, attempts, fingerprint)"
    " SELECT 0, 'E' || n, '', '', '', '', '[]', 'f' || n FROM generate_series(1, %s) n"
)
_ATTEMPT = (
    "INSERT INTO webhook_attempts (delivery_id, number, at, milliseconds, status, error, excerpt)"
    " VALUES (%s, 1, now(), 120, 503, 'status_refused', %s)"
)


async def add_letter(console: ConsoleHub, batch_id: Any, cause: Failure = CAUSE) -> int:
    """Make the first chunk of a batch a dead letter, as a worker does after the last attempt; return its id."""
    database = console.api.hub.all_tenants
    async with database.transaction() as connection:
        batch = batch_id if isinstance(batch_id, UUID) else UUID(batch_id)
        await dead_letters.add_chunk(connection, batch, 0, cause, "body")
    await dead_letters.group_new(database)
    (row,) = await console.run("SELECT id FROM dead_letters WHERE batch_id = %s", batch)
    return int(row["id"])


async def add_messages(console: ConsoleHub, count: int, cause: Failure = CAUSE) -> None:
    """Insert dead letters of messages."""
    facts = (cause.error_class, cause.error_code, cause.culprit, cause.message, cause.stack)
    for _ in range(count):
        dead = DeadMessage(uuid4(), CHUNKS_READY, b"not json", "", datetime.now(UTC), *facts)
        await dead_letters.add_message(console.api.hub.all_tenants, dead)
    await dead_letters.group_new(console.api.hub.all_tenants)


async def add_causes(console: ConsoleHub, count: int) -> None:
    """Insert dead letters of as many causes, with the fingerprints `f1`, `f2` and so on."""
    await console.run(_CAUSES, count)
    await dead_letters.group_new(console.api.hub.all_tenants)


async def add_endpoint(
    console: ConsoleHub, cnpj: str, *, state: str = "enabled", url: str = "https://erp.example/hook?token=s3cret"
) -> UUID:
    """Insert the endpoint of a pharmacy."""
    params = (url, "erp.example:443", "the ERP", state, state, state, cnpj)
    (row,) = await console.run(_ENDPOINT, *params)
    return UUID(str(row["id"]))


async def add_delivery(console: ConsoleHub, endpoint: UUID, state: str = "failed", answer: str = "busy") -> UUID:
    """Insert a delivery that was tried once."""
    (row,) = await console.run(_DELIVERY, "batch.completed", state, '{"type": "batch.completed"}', state, endpoint)
    await console.run(_ATTEMPT, row["id"], answer)
    return UUID(str(row["id"]))


async def fill(console: ConsoleHub, cnpj: str, batch_id: str) -> dict[str, str]:
    """Add causes, a replay, an active and a suspended address; return the names that paths of pages are made of."""
    letter = await add_letter(console, batch_id)
    hostile = replace(CAUSE, error_class="Unreadable", message=f"{HOSTILE} expected JSON at byte 1")
    await add_messages(console, 3, hostile)
    filters = DeadLetterFilters(error=hostile.fingerprint)
    started = await console.api.hub.bulk_replays().start("Ana", filters)
    endpoint = await add_endpoint(console, cnpj)
    delivery = await add_delivery(console, endpoint, answer=HOSTILE)
    await add_delivery(console, endpoint, "delivered")
    return {
        "cause": CAUSE.fingerprint,
        "letter": str(letter),
        "operation": str(started.operation_id),
        "endpoint": str(endpoint),
        "delivery": str(delivery),
    }
