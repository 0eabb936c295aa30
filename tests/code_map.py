"""Generator of the second half of docs/reference/code-map.md: one line per folder and file of `src/integrahub`.

`make code-map` writes it; a test compares it with the tree.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "integrahub"
PAGE = ROOT / "docs" / "reference" / "code-map.md"
MARK = "<!-- written by tests.code_map -->"
# Top to bottom: a folder imports only those after it.
FLOORS = (
    *(
        "cli",
        "tools",
        "web",
        "api",
        "console",
        "worker",
        "supervisor",
        "client",
        "hub",
        "settings",
        "pipeline",
        "operations",
    ),
    *("reports", "maintenance", "monitoring", "access", "bus", "storage", "secrets", "db"),
    *("telemetry", "resilience", "runbook"),
    "domain",
)


def render() -> str:
    """Return a section per top-level folder, in the order of the floors, with a table of its files."""
    folders = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    ordered = sorted(folders, key=lambda name: (FLOORS.index(name) if name in FLOORS else len(FLOORS), name))
    return "\n".join(_section(SOURCE / name) for name in ordered)


def _section(folder: Path) -> str:
    rows = [f"| {_cell(path)} | {summary(path)} |" for path in sorted(folder.rglob("*.py"), key=_order)]
    head = [f"## {folder.name}", "", summary(folder / "__init__.py"), "", "| file | what it holds |", "| --- | --- |"]
    return "\n".join([*head, *rows[1:], ""])


def _order(path: Path) -> tuple[str, bool, str]:
    return str(path.parent), path.name != "__init__.py", path.name


def _cell(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return f"**`{relative.parent}/`**" if path.name == "__init__.py" else f"`{relative}`"


def summary(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = " ".join(text.partition("\n\n")[0].split())
    sentence = re.split(r"(?<=[.:;])\s", first)[0] if len(first) > 120 else first
    return sentence.rstrip(":;").replace("|", "\\|")


def main() -> None:
    """Write the generated half of the page; the half above the mark is kept."""
    written, _, _ = PAGE.read_text("utf-8").partition(MARK)
    PAGE.write_text(f"{written}{MARK}\n\n{render()}", "utf-8")


if __name__ == "__main__":
    main()
