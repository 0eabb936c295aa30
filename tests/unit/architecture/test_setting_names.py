"""Every message names a setting as a person types it: with its prefix."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrahub.settings.model import Settings
from integrahub.settings.secret_sources import PREFIX

_SOURCE = Path(__file__).parents[3] / "src/integrahub"
_COMMANDS = _SOURCE / "cli/commands"
#: Descriptions of metrics stand in the reference, whose tables name settings without their prefix.
_REFERENCE = _SOURCE / "telemetry/metrics"
_WITH_DOCSTRING = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


_WORD = re.compile(r"(?<![A-Z_\w'])([A-Z][A-Z_]+)(?![A-Z_\w])(=| is\b)?")  # in quotes it is a member of a secret
_NAMES = {name.upper() for name in Settings.model_fields}


def _find_bare_names(text: str) -> list[str]:
    """Return the settings that a text names bare; those of a single word only where they have a value: `HOST is ::`."""
    found = _WORD.findall(text) if " " in text else []
    return [name for name, value in found if name in _NAMES and ("_" in name or value)]


def _messages(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module; docstrings only of commands, whose help they are."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, _WITH_DOCSTRING) and node.body and isinstance(node.body[0], ast.Expr)
        if path.parent != _COMMANDS or isinstance(node, ast.Module) or node.name.startswith("_")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_no_message_names_a_setting_without_its_prefix() -> None:
    modules = [path for path in _SOURCE.rglob("*.py") if not path.is_relative_to(_REFERENCE)]
    texts = [(path, line, text) for path in modules for line, text in _messages(path)]
    assert sum(PREFIX in text for _, _, text in texts) > 60
    assert [(f"{path}:{line}", text) for path, line, text in texts if _find_bare_names(text)] == []


@pytest.mark.parametrize(
    "bare", ["STORAGE_BUCKET is empty", "Set DATABASE_URL.", "`HISTORY=off` hides it", "HOST is ::"]
)
def test_a_bare_name_is_noticed(bare: str) -> None:
    assert _find_bare_names(bare)


@pytest.mark.parametrize("named", ["Set INTEGRAHUB_DATABASE_URL.", "{'ADMIN_API_KEY': '...'} is", "DATABASE_URL"])
def test_a_name_with_its_prefix_and_a_member_of_a_secret_are_left_alone(named: str) -> None:
    assert _find_bare_names(named) == []
