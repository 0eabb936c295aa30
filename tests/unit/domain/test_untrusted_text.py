"""A client's text cannot control a terminal or a spreadsheet."""

import csv
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.domain.untrusted_text import (
    escape_controls,
    escape_controls_in_json,
    escape_controls_in_lines,
    neutralize_formulas,
)

_TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _commands(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _TURNS}


def test_every_control_character_and_direction_mark_is_written_out() -> None:
    assert escape_controls("\x1b]0;x\x07\x9b2J\u202eabc\tn\r\n\ud800") == (r"\x1b]0;x\x07\x9b2J\u202eabc\tn\r\n\ud800")
    assert escape_controls_in_lines("a\n\tb\x1b\r") == "a\n\tb\\x1b\\r"
    assert escape_controls("Ação ☕ 日本") == "Ação ☕ 日本"
    every = "".join(map(chr, range(0x3000)))
    assert _commands(escape_controls(every)) == set()


@given(st.text(st.characters(codec=None) | st.sampled_from(_TURNS + "\x1b\x9b\u2028")))
def test_json_keeps_its_meaning_and_loses_its_commands(text: str) -> None:
    document = json.dumps({"value": text}, ensure_ascii=False, indent=2)
    escaped = escape_controls_in_json(document)
    assert json.loads(escaped) == {"value": text}
    assert _commands(escaped) <= {"\n"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "value",
    [
        *("=1+1", "+1+1", "@SUM(A1)", "-cmd|'/C calc'!A0", ";=1+1+cmd|'/C calc'!A0;", "a,=1", "x\t=1", "x; =1"),
        *(';"=1+1"', 'x,"=1', "\uff1d1+1", "\r=1", "\n=1", "a\n=1"),
    ],
)
def test_no_cell_begins_a_formula_whichever_separator_a_spreadsheet_splits_at(value: str, separator: str) -> None:
    line = f"7,{_quoted(neutralize_formulas(value))},end"
    for quote in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        (cells,) = csv.reader([line], delimiter=separator, quoting=quote)
        assert [c for c in cells if c.lstrip(' "')[:1] in ("=", "+", "-", "@", "\uff1d")] == []


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n\r') else cell


@pytest.mark.parametrize("number", ["-1", "-1,50", "+3.5", "12"])
def test_a_plain_number_stays_as_it_is(number: str) -> None:
    assert neutralize_formulas(number) == number
