"""Formats of the reports that clients download, as answers of the API and in its description."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import StreamingResponse

from integrahub.reports.encodings import Locale, Pages, encode_csv, encode_ndjson
from integrahub.reports.issues import ISSUE_COLUMNS

_STRING: dict[str, Any] = {"schema": {"type": "string"}}


def describe_formats(columns: Sequence[str], row: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a report's other formats, with one row as the example of its CSV."""
    example = ",".join(columns) + f"\r\n{row}\r\n"
    return {200: {"content": {"application/x-ndjson": _STRING, "text/csv": _STRING | {"example": example}}}}


def stream_report(
    pages: Pages, format: str, locale: Locale, columns: Sequence[str] = ISSUE_COLUMNS, filename: str = ""
) -> StreamingResponse:
    """Return rows as NDJSON, or as CSV, which a browser saves under `filename`."""
    if format == "ndjson":
        return StreamingResponse(encode_ndjson(pages), media_type="application/x-ndjson")
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'} if filename else None
    return StreamingResponse(encode_csv(pages, locale, columns), headers=headers, media_type="text/csv; charset=utf-8")
