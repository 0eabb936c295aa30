"""Formats of the report of errors: JSON, NDJSON and CSV, safe to open in terminals and spreadsheets."""

import csv
import io
import re
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec
from starlette.responses import StreamingResponse

from integrahub.api.models.batches import IssueAnswer
from integrahub.domain.untrusted_text import escape_controls_in_json, neutralize_formulas

ISSUE_COLUMNS = tuple(IssueAnswer.model_fields)
_STRING: dict[str, Any] = {"schema": {"type": "string"}}
_DECIMAL = re.compile(r"[+-]?\d+\.\d+")
_AS_SENT = "price_ambiguous"  # code of issues whose value loses its meaning with another decimal separator
Pages = AsyncIterator[list[dict[str, Any]]]
Locale = Literal["en", "pt-BR"]


class CsvFormat(NamedTuple):
    """How a CSV file is written, so that spreadsheets of a country open it."""

    delimiter: str
    decimal: str
    byte_order_mark: str


_CSV_FORMATS: dict[Locale, CsvFormat] = {"en": CsvFormat(",", ".", ""), "pt-BR": CsvFormat(";", ",", "\ufeff")}


def describe_formats(columns: Sequence[str], row: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a report's other formats, with one row as the example of its CSV."""
    example = ",".join(columns) + f"\r\n{row}\r\n"
    return {200: {"content": {"application/x-ndjson": _STRING, "text/csv": _STRING | {"example": example}}}}


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON. Characters that could control a terminal are escaped."""
    return escape_controls_in_json(msgspec.json.encode(value).decode()).encode()


async def encode_ndjson(pages: Pages) -> AsyncIterator[bytes]:
    """Encode issues as NDJSON, page by page."""
    async for issues in pages:
        yield b"".join(encode_json(issue) + b"\n" for issue in issues)


def stream_report(
    pages: Pages, format: str, locale: Locale, columns: Sequence[str] = ISSUE_COLUMNS, filename: str = ""
) -> StreamingResponse:
    """Return rows as NDJSON, or as CSV, which a browser saves under `filename`."""
    if format == "ndjson":
        return StreamingResponse(encode_ndjson(pages), media_type="application/x-ndjson")
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'} if filename else None
    return StreamingResponse(encode_csv(pages, locale, columns), headers=headers, media_type="text/csv; charset=utf-8")


async def encode_csv(
    pages: Pages, locale: Locale = "en", columns: Sequence[str] = ISSUE_COLUMNS
) -> AsyncIterator[bytes]:
    """Encode rows as CSV with a header line, page by page, as spreadsheets with this locale read it."""
    form = _CSV_FORMATS[locale]
    yield (form.byte_order_mark + form.delimiter.join(columns) + "\r\n").encode()
    async for rows in pages:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=form.delimiter)
        writer.writerows([_to_cell(row[column], row, form) for column in columns] for row in rows)
        yield text.getvalue().encode()


def _to_cell(value: Any, row: dict[str, Any], form: CsvFormat) -> Any:
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)).normalize():f}".replace(".", form.decimal)
    if not isinstance(value, str):
        return value
    if form.decimal != "." and _DECIMAL.fullmatch(value):
        # A spreadsheet would read the point as a separator of thousands, or the text as a date.
        return f"'{value}" if row.get("code") == _AS_SENT else value.replace(".", form.decimal)
    # A spreadsheet must not evaluate a client's text as a formula.
    return neutralize_formulas(value)
