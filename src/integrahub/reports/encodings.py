"""Encodings of reports: JSON, NDJSON and CSV, safe to open in terminals and spreadsheets."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from integrahub.domain.untrusted_text import escape_controls_in_json, neutralize_formulas

_DECIMAL = re.compile(r"[+-]?\d+\.\d+")
_AS_SENT = "price_ambiguous"  # code of issues whose value loses its meaning with another decimal separator
Pages = AsyncIterator[list[dict[str, object]]]
Locale = Literal["en", "pt-BR"]


class CsvFormat(NamedTuple):
    """How a CSV file is written, so that spreadsheets of a country open it."""

    delimiter: str
    decimal: str
    byte_order_mark: str


_CSV_FORMATS: dict[Locale, CsvFormat] = {"en": CsvFormat(",", ".", ""), "pt-BR": CsvFormat(";", ",", "\ufeff")}


def encode_json(value: Any) -> bytes:
    """Encode a value as JSON. Characters that could control a terminal are escaped."""
    return escape_controls_in_json(msgspec.json.encode(value).decode()).encode()


async def encode_ndjson(pages: Pages) -> AsyncIterator[bytes]:
    """Encode issues as NDJSON, page by page."""
    async for issues in pages:
        yield b"".join(encode_json(issue) + b"\n" for issue in issues)


async def encode_csv(
    pages: Pages, locale: Locale, columns: Sequence[str], headings: Sequence[str] | None = None
) -> AsyncIterator[bytes]:
    """Encode rows as CSV with a line of headings, page by page, as spreadsheets with this locale read it.

    The headings are the names of the columns by default.
    """
    form = _CSV_FORMATS[locale]
    yield (form.byte_order_mark + _to_lines([headings or columns], form)).encode()
    async for rows in pages:
        yield _to_lines(([_to_cell(row[column], row, form) for column in columns] for row in rows), form).encode()


def _to_lines(rows: Iterable[Sequence[object]], form: CsvFormat) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=form.delimiter).writerows(rows)
    return text.getvalue()


def _to_cell(value: Any, row: dict[str, object], form: CsvFormat) -> Any:
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)).normalize():f}".replace(".", form.decimal)
    if not isinstance(value, str):
        return value
    if form.decimal != "." and _DECIMAL.fullmatch(value):
        # A spreadsheet would read the point as a separator of thousands, or the text as a date.
        return f"'{value}" if row.get("code") == _AS_SENT else value.replace(".", form.decimal)
    # A spreadsheet must not evaluate a client's text as a formula.
    return neutralize_formulas(value)
