"""Rows of `record_issues`: what a client should know of single records."""

from collections.abc import Sequence
from uuid import UUID

from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.domain.copy_text import copy_text
from integrahub.domain.products import RecordIssue

_SQL = load_queries(__name__)


async def insert(connection: Connection, batch_id: UUID, chunk: int, faults: Sequence[RecordIssue]) -> None:
    """Faults of one chunk, in its transaction."""
    if not faults:
        return
    lines = [
        (str(batch_id), str(chunk), str(f.position), str(f.offset), f.severity, f.product_id, f.field, f.code, f.value)
        for f in faults
    ]
    async with connection.cursor().copy(_SQL["copy"]) as copy:
        await copy.write(copy_text(lines))
