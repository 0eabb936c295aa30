"""Every row of the threat model names existing tests."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def _rows() -> list[list[str]]:
    text = (ROOT / "docs" / "why" / "threats.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if row[0] not in ("threat", "advice") and not row[0].startswith("---")]


def _tests() -> set[str]:
    trees = (ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_threat_has_an_answer_and_a_test_that_exists() -> None:
    rows, known = _rows(), _tests()
    assert len(rows) > 25
    named = {row[0]: re.findall(r"`(test_\w+)`", row[2]) for row in rows}
    assert [threat for threat, tests in named.items() if not tests] == []
    assert {test for tests in named.values() for test in tests} - known == set()
