"""Small files, small functions, described modules, and SQL blocks that are all used."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.query_files import QUERY_FILES

import integrahub

SOURCE = Path(integrahub.__file__).parent
_FILE, _FUNCTION = 300, 25


@cache
def _modules() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted(SOURCE.rglob("*.py"))]


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.name}:{node.name}", node


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1


def test_files_are_small() -> None:
    long = {path.name: len(path.read_text("utf-8").splitlines()) for path, _ in _modules()}
    assert {name: lines for name, lines in long.items() if lines > _FILE} == {}


def test_functions_are_small() -> None:
    long = {name: _body_lines(node) for name, node in _functions()}
    assert {name: lines for name, lines in long.items() if lines > _FUNCTION and name not in _LISTS} == {}


# Lists of routes, each a line or a signature; splitting them would hide the list.
_LISTS = {"products.py:router"}


def test_every_module_is_described() -> None:
    assert [path.name for path, tree in _modules() if not ast.get_docstring(tree)] == []


def test_every_statement_is_used_and_every_one_that_is_used_exists() -> None:
    source = "".join(path.read_text("utf-8") for path, _ in _modules())
    names = set()
    for path in QUERY_FILES.values():
        names |= set(re.findall(r"^-- ([-a-z_0-9]+) --$", path.read_text("utf-8"), re.MULTILINE))
    holders = r"(?:_SQL|_DEACTIVATION|_MERGE|load_queries\(\"[\w.]+\"\))"
    looked_up = set(re.findall(holders + r"\[f?\"([-a-z_]+)\"\]", source))
    assert looked_up - names == set()
    chosen = {"merge_full", "merge_delta", "-updated", "product_id", "title", "price", "-price", "stock", "-stock"}
    at_start = {"expire_chunks", "expire_splits", "expire_deliveries", "requeue_messages"}
    copied = {"copy_new", "copy_new_binary", "copy_stage", "copy_stage_binary", "copy_faults"}
    assert names - looked_up - chosen - at_start - copied == set()
