"""Output of verbs: tables on terminals, lines in pipes, JSON. Control characters in clients' texts are escaped."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from integrahub.domain.untrusted_text import escape_controls_in_json, escape_controls_in_lines
from integrahub.tools.terminal.tables import Layout, cell, fact_lines, lay_out

OUT = Console(highlight=False)
ERRORS = Console(stderr=True, highlight=False)
Row = dict[str, Any]


def say(text: str, style: str | None = None) -> None:
    """Print a sentence on standard output, unwrapped, with control characters escaped."""
    _print(OUT, text, style)


def complain(text: str) -> None:
    """Print an error on standard error, in red."""
    _print(ERRORS, text, "red")


def notify(text: str) -> None:
    """Print a remark on standard error, apart from the results."""
    _print(ERRORS, text, None)


def show_json(value: Any) -> None:
    """Print one JSON document on standard output, in ASCII if the output is not Unicode."""
    ascii_only = not (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
    print(escape_controls_in_json(json.dumps(value, ensure_ascii=ascii_only, indent=2, default=str)), file=OUT.file)


def show_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool = False,
    empty: str = "",
    wide: bool = False,
    more: str = "Use --wide or --json.",
) -> None:
    """Print `columns` of the rows, or all columns as JSON; print `empty` if there are no rows.

    A terminal shows the first columns that fit, and the hint `more`. A pipe, and `wide`, get all columns, one line per
    row.
    """
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    layout = lay_out(rows, columns, None if wide or not OUT.is_terminal else OUT.width)
    _print_layout(layout)
    if layout.left_out:
        hint = f"Not shown at {OUT.width} columns: {', '.join(layout.left_out)}. {more}"
        _print(ERRORS, hint, "dim")


def show_facts(facts: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print the fields of one object, one per line, and lists of objects as tables; or all as JSON."""
    if as_json:
        show_json(facts)
        return
    width = OUT.width if OUT.is_terminal else None
    tables = {name: value for name, value in facts.items() if _is_rows(value)}
    plain = {name: value for name, value in facts.items() if name not in tables}
    for name, lines in fact_lines(plain, width):
        _print_line(Text.assemble((name, "bold"), lines))
    for name, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        say(f"\n{name}:", "bold")
        _print_layout(lay_out(rows, columns, width))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _print_layout(layout: Layout) -> None:
    _print_line(Text(layout.header, "bold"))
    for line in layout.lines:
        _print_line(Text(line))


def _print_line(line: Text) -> None:
    OUT.print(line, soft_wrap=True)


def _print(console: Console, text: str, style: str | None) -> None:
    console.print(Text(escape_controls_in_lines(text), style or ""), soft_wrap=True)


__all__ = ["ERRORS", "OUT", "Row", "cell", "complain", "notify", "say", "show_facts", "show_json", "show_rows"]
