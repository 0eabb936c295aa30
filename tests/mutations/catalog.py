"""The entries of `tests/mutations.toml`, and how each changes its file."""

import ast
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "mutations.toml"


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard that is dropped, in a SQL `block` or a Python `function` of `file`, and `tests` that must fail then.

    `guard` stands once in that block or function, or in the whole file where neither is named; `instead` takes its
    place.
    """

    name: str
    file: str
    guard: str
    tests: tuple[str, ...]
    block: str | None = None
    function: str | None = None
    instead: str = ""

    def apply(self, text: str) -> str:
        """Return the file's text without the guard; ValueError when it does not stand where the entry says."""
        start, end = self._span(text)
        part = text[start:end]
        if part.count(self.guard) != 1:
            raise ValueError(f"{self.name}: {self.guard!r} stands {part.count(self.guard)} times in {self.place}")
        return text[:start] + part.replace(self.guard, self.instead) + text[end:]

    @property
    def place(self) -> str:
        """Return where the guard stands."""
        return f"{self.file} {self.block or self.function or '(whole file)'}"

    def _span(self, text: str) -> tuple[int, int]:
        if self.block:
            return _span_of_block(text, self.block)
        return _span_of_function(text, self.function) if self.function else (0, len(text))


def load() -> list[Mutation]:
    """Return every entry."""
    entries = tomllib.loads(FILE.read_text("utf-8"))["mutation"]
    return [Mutation(**entry | {"tests": tuple(entry["tests"])}) for entry in entries]


def _span_of_block(text: str, block: str) -> tuple[int, int]:
    match = re.search(rf"^-- {re.escape(block)} --\n.*?(?=^-- [-a-z_0-9]+ --$|\Z)", text, re.DOTALL | re.MULTILINE)
    if match is None:
        raise ValueError(f"there is no block {block}")
    return match.span()


def _span_of_function(text: str, name: str) -> tuple[int, int]:
    """Return where a function stands, by its name with those of its classes."""
    body: list[ast.stmt] = ast.parse(text).body
    for part in name.split("."):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        named = [node for node in body if isinstance(node, kinds) and node.name == part]
        if not named:
            raise ValueError(f"there is no function {name}")
        node, body = named[0], named[0].body
    lines = text.splitlines(keepends=True)
    start, end = node.lineno - 1, node.end_lineno or node.lineno
    return len("".join(lines[:start])), len("".join(lines[:end]))
