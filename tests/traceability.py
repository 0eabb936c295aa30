"""Generator of docs/reference/traceability.md from the table of the roadmap's lines, traceability.toml.

`make traceability` writes it; a test compares it with the table and follows every link.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "traceability.md"
TABLE = PAGE.with_suffix(".toml")
_HEAD = """# Traceability

Every line of the roadmap, where it lives, and the test or figure that shows it. Written from `traceability.toml` by
`make traceability`; a test follows every link.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the roadmap."""

    area: str
    text: str
    where: list[str]
    shown: list[str]
    note: str = ""


def read_lines() -> list[Line]:
    """Return the lines in the order of the table."""
    return [Line(**line) for line in tomllib.loads(TABLE.read_text("utf-8"))["line"]]


def render(lines: list[Line]) -> str:
    """Return the page: a table per area."""
    areas = dict.fromkeys(line.area for line in lines)
    return "\n".join([_HEAD, *(_section(area, [line for line in lines if line.area == area]) for area in areas)])


def _section(area: str, lines: list[Line]) -> str:
    rows = [f"| {line.text} | {_links(line.where)} | {_links(line.shown)} | {line.note} |" for line in lines]
    head = [f"## {area}", "", "| line | lives in | shown by | note |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows, ""])


def _links(references: list[str]) -> str:
    return "<br>".join(_link(reference) for reference in references)


def _link(reference: str) -> str:
    """Return a link to a page of the documentation; other files are code."""
    path = ROOT / reference
    if path.suffix == ".md" and path.is_relative_to(ROOT / "docs"):
        name = path.relative_to(ROOT / "docs")
        return f"[{name}]({path.name if path.parent == PAGE.parent else f'../{name}'})"
    return f"`{reference.replace('::', '` `')}`"


def is_there(reference: str) -> bool:
    """Return whether a file, a folder, or a test in a file exists."""
    file, _, test = reference.partition("::")
    path = ROOT / file
    if not path.exists():
        return False
    return not test or bool(re.search(rf"^(async )?def {re.escape(test)}\(", path.read_text("utf-8"), re.MULTILINE))


if __name__ == "__main__":
    PAGE.write_text(render(read_lines()), "utf-8")
