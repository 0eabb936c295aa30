"""Generated parts of pages, between two comments: `<!-- generated: NAME -->` and `<!-- end: NAME -->`."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page, relative to `docs`, and the function that returns its text."""

    page: str
    name: str
    render: Callable[[], str]

    @property
    def path(self) -> Path:
        """Return the file of the page."""
        return ROOT / "docs" / self.page

    def read(self) -> str:
        """Return the text that the page has now."""
        found = self._pattern().search(self.path.read_text("utf-8"))
        return found[2] if found else ""

    def write(self) -> None:
        """Replace the text of the page."""
        text, count = self._pattern().subn(
            lambda found: f"{found[1]}{self.expected()}{found[3]}", self.path.read_text("utf-8")
        )
        if count != 1:
            raise ValueError(f"{self.path} needs one `<!-- generated: {self.name} -->` and its end")
        self.path.write_text(text, "utf-8")

    def expected(self) -> str:
        """Return the text that the page should have."""
        return f"\n\n{self.render().strip()}\n\n"

    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(<!-- generated: {self.name} -->)(.*?)(<!-- end: {self.name} -->)", re.DOTALL)


def to_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; cells are escaped."""
    lines = [_to_row(head := list(head)), _to_row(["---"] * len(head)), *map(_to_row, rows)]
    return "\n".join(lines)


def _to_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in cells)} |"


def code(text: object) -> str:
    """Return the text as code, or nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def list_codes(values: Iterable[object]) -> str:
    """Return the values as code, separated by commas."""
    return ", ".join(map(code, values))
