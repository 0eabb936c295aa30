"""Layout of tables and fields as lines of text: ids are never cut, narrow terminals get fewer columns."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size

from integrahub.domain.untrusted_text import escape_controls, escape_controls_in_lines

_GAP = "  "
# Columns of prose or of clients' texts; a terminal may shorten only these.
_TEXTS = frozenset(
    ("message_en", "message", "error", "sample", "problems", "value", "name", "city", "reason", "last exit", "subject")
)
_MIN_TEXT_CELLS = 12  # of a shortened text
_MIN_WRAP_CELLS = 24  # of a wrapped value
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)")


@dataclass(frozen=True, slots=True)
class Layout:
    """A table ready to print; `left_out` are the columns that did not fit."""

    header: str
    lines: list[str]
    left_out: list[str]


def cell(value: Any) -> str:
    """Return a value as one line of text; times without fractions of seconds."""
    return escape_controls(_format(value))


def lay_out(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int | None) -> Layout:
    """Align `columns`. With a width, keep the first columns that fit and shorten texts; None: keep everything."""
    table = {column: [column, *(cell(row.get(column)) for row in rows)] for column in columns}
    numbers = {column for column in columns if all(isinstance(row.get(column), int | float | None) for row in rows)}
    natural = {column: max(map(cell_len, cells)) for column, cells in table.items()}
    widths = natural if width is None else _fit(natural, width)
    header, *lines = (
        _GAP.join(_align(table[column][line], widths[column], right=column in numbers) for column in widths).rstrip()
        for line in range(len(rows) + 1)
    )
    return Layout(header, lines, [column for column in columns if column not in widths])


def _fit(natural: dict[str, int], width: int) -> dict[str, int]:
    """Return the widths of the first columns that fit; shortened texts get the remaining width."""
    widths: dict[str, int] = {}
    room = width
    for column, full in natural.items():
        needed = min(full, max(_MIN_TEXT_CELLS, len(column))) if column in _TEXTS else full
        room -= needed + (len(_GAP) if widths else 0)
        if widths and room < 0:
            room += needed + len(_GAP)
            break
        widths[column] = needed
    for column in widths:
        more = max(0, min(natural[column] - widths[column], room))
        widths[column], room = widths[column] + more, room - more
    return widths


def _align(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - cell_len(text))
    return padding + text if right else text + padding


def fact_lines(facts: Mapping[str, Any], width: int | None) -> Iterator[tuple[str, str]]:
    """Yield each field as its padded name and its text; with a width, the text is wrapped."""
    flat = list(_flatten(facts))
    margin = max((cell_len(name) for name, _ in flat), default=0) + len(_GAP)
    for name, value in flat:
        text = escape_controls_in_lines(_format(value))
        lines = text.split("\n") if width is None else _wrap(text, max(_MIN_WRAP_CELLS, width - margin))
        yield name + " " * (margin - cell_len(name)), ("\n" + " " * margin).join(lines)


def _wrap(text: str, width: int) -> list[str]:
    """Wrap at spaces alone, so that ids and addresses stay whole."""
    wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False, replace_whitespace=False)
    return [part for line in text.split("\n") for part in (wrapper.wrap(line) or [""])]


def _flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _format(value: Any) -> str:
    if value is None or value in ([], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_format, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_format(inner)}" for name, inner in value.items() if inner not in (None, ""))
    return _TIME.sub(r"\1Z", value) if isinstance(value, str) and _TIME.fullmatch(value) else str(value)
