"""Table `record_issues`: rejections and warnings of single records."""

from collections.abc import Sequence
from uuid import UUID

from integrahub.db.database import Connection
from integrahub.db.queries import load_queries
from integrahub.domain.copy_text import copy_text
from integrahub.domain.products import RecordIssue

_SQL = load_queries(__name__)


async def insert(connection: Connection, batch_id: UUID, chunk: int, issues: Sequence[RecordIssue]) -> None:
    """Insert the issues of one chunk, in the transaction that applies it."""
    if not issues:
        return
    key = str(batch_id), str(chunk)
    lines = [(*key, *_to_columns(issue)) for issue in issues]
    async with connection.cursor().copy(_SQL["copy"]) as copy:
        await copy.write(copy_text(lines))


def _to_columns(issue: RecordIssue) -> tuple[str, ...]:
    place = str(issue.position), str(issue.offset), issue.severity
    return *place, issue.product_id, issue.field, issue.code, issue.value, issue.ean, issue.key
