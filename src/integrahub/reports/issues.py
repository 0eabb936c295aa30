"""Report of errors: rejections and warnings of single records, with their messages."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from integrahub.db.batches import reports
from integrahub.db.batches.report_rows import IssueReport
from integrahub.db.database import Database
from integrahub.domain.messages.catalog import record_message
from integrahub.domain.views.json_pointer import format_pointer

ISSUE_COLUMNS = (
    "position",
    "byte_offset",
    "severity",
    "product_id",
    "field",
    "code",
    "value",
    "message_pt",
    "message_en",
    "trace_id",
    "pointer",
    "ean",
)
_ISSUES_PER_READ = 1000  # of a whole report


async def read_all_issues(database: Database, batch_id: UUID) -> AsyncIterator[list[dict[str, object]]]:
    """Yield the whole report of errors, in pages."""
    after: tuple[int, str, str] | None = None
    while rows := await reports.issues(database, batch_id, after, _ISSUES_PER_READ):
        yield [to_issue(row, batch_id) for row in rows]
        after = (rows[-1].position, rows[-1].field, rows[-1].code)


def to_issue(issue: IssueReport, batch_id: UUID) -> dict[str, object]:
    """Return an issue with its message in both languages and the trace of its batch, as the API describes it.

    Reports are long and are encoded in bulk, so this is not validated as a model.
    """
    message = record_message(issue.code)
    columns = msgspec.structs.asdict(issue)
    key, ean = columns.pop("key"), columns.pop("ean")
    texts = {"message_pt": message.pt, "message_en": message.en, "trace_id": batch_id.hex}
    pointer = format_pointer(issue.position, key) if key else format_pointer(issue.position)
    return columns | texts | {"pointer": pointer, "ean": ean}
