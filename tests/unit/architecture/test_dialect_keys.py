"""Keys of an ERP's records appear in the folder of its dialect alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import integrahub
from integrahub.domain.dialects.inovafarma import keys

SOURCE = Path(integrahub.__file__).parent
_FOLDER = SOURCE / "domain" / "dialects" / "inovafarma"
_WORDS_OF_THE_FIELD = {"CNPJ", "EAN", "NCM"}
_KEY = re.compile(rf"\b(?:{'|'.join(sorted(keys.KNOWN - _WORDS_OF_THE_FIELD))})\b")


def _texts(path: Path) -> Iterator[str]:
    """Yield what a file writes or shows: a module's strings except its docstrings, or the whole of another file."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        yield text
        return
    tree = ast.parse(text)
    described = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if _has_docstring(node, described)}  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in docstrings:
            yield node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value


def _has_docstring(node: ast.AST, described: tuple[type, ...]) -> bool:
    return isinstance(node, described) and ast.get_docstring(node) is not None  # type: ignore[arg-type]


def test_no_key_of_the_dialect_appears_outside_its_folder() -> None:
    paths = [path for kind in ("*.py", "*.html", "*.po") for path in SOURCE.rglob(kind) if _FOLDER not in path.parents]
    found = [
        (path.relative_to(SOURCE).as_posix(), match[0])
        for path in sorted(paths)
        for text in _texts(path)
        for match in _KEY.finditer(text)
    ]
    assert len(paths) > 500 and found == []
