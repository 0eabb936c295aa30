"""What verbs print: tables for people, JSON for programs."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 170  # columns: rows stay on one line, also where the output is piped
OUT = Console(highlight=False)
ERRORS = Console(stderr=True, highlight=False)
Row = dict[str, Any]


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_rows(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Rows as a table of `columns`, or all of them as JSON; `empty` is said when there are none."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        OUT.print(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(row.get(column))) for column in columns))
    OUT.print(table, width=max(_WIDE, OUT.width), crop=False, soft_wrap=True)


def show_facts(facts: Row, *, as_json: bool) -> None:
    """One thing: a line a fact, or JSON."""
    if as_json:
        show_json(facts)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(_shown(value)))
    OUT.print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(inner)}" for name, inner in value.items() if inner not in (None, ""))
    return str(value)
