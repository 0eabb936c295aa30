"""Formats of the report of errors: JSON, NDJSON and CSV, safe to open in terminals and spreadsheets."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from integrahub.api.models.batches import IssueAnswer
from integrahub.domain.untrusted_text import escape_controls_in_json, neutralize_formulas

_CSV_COLUMNS = tuple(IssueAnswer.model_fields)
Pages = AsyncIterator[list[dict[str, Any]]]


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON. Characters that could control a terminal are escaped."""
    return escape_controls_in_json(msgspec.json.encode(value).decode()).encode()


async def encode_ndjson(pages: Pages) -> AsyncIterator[bytes]:
    """Encode issues as NDJSON, page by page."""
    async for issues in pages:
        yield b"".join(encode_json(issue) + b"\n" for issue in issues)


async def encode_csv(pages: Pages) -> AsyncIterator[bytes]:
    """Encode issues as CSV with a header line, page by page."""
    yield (",".join(_CSV_COLUMNS) + "\r\n").encode()
    async for issues in pages:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows([_to_cell(issue[column]) for column in _CSV_COLUMNS] for issue in issues)
        yield text.getvalue().encode()


def _to_cell(value: Any) -> Any:
    # A spreadsheet must not evaluate a client's text as a formula.
    return neutralize_formulas(value) if isinstance(value, str) else value
