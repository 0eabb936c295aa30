"""Style of names, types and prose in `src`: what ruff does not check."""

import ast
import io
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import integrahub

SOURCE = Path(integrahub.__file__).parent
_Function = ast.FunctionDef | ast.AsyncFunctionDef
MAX_MODULES_PER_FOLDER = 20
MAX_PARAMETERS = 6

# Names that say nothing when they stand alone. A compound (`StatisticsCollector`, `signal_handler`) may hold one.
_EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager"}
# Folders where JSON begins or ends. All others carry typed rows.
_EDGES = {"api", "cli", "client", "supervisor", "tools", "web", "worker"}
# Modules below the edges that decode or encode JSON of others: an ERP's records, Vault's answers, S3's rules.
_JSON_MODULES = ("domain/dialects/", "secrets/vault.py", "storage/s3/lifecycle.py")
# Constructors whose parameters are all optional settings.
_MANY_OPTIONS = {"db/database.py:__init__"}
# Functions that Typer calls without a decorator: `cli/verbs.py` names them, or an option's `callback`.
_CALLED_BY_TYPER = {"cli/commands/send.py:send", "cli/commands/backup.py:restore", "cli/app.py:_show_version"}
_BANNED_WORDS = re.compile(
    r"\b(told|tells|telling|anew|lest|seldom|(?<!`)nobody|whoever|somebody|beside|at hand|for want of|"
    r"of one's own|so many|under way|(?:is|are) away|sought|what came of|the dead(?![- ]letter)|once more|"
    r"the (?:short|long) way|gives? up|given up|mend(?:s|ed)?|befalls?|as it stands|"
    r"at the (?:least|most)|need not|say so|says so)\b",
    re.IGNORECASE,
)
_LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


@cache
def _modules() -> list[tuple[str, str, ast.Module]]:
    paths = [(path, path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))]
    return [(path.relative_to(SOURCE).as_posix(), text, ast.parse(text)) for path, text in paths]


@cache
def _functions() -> list[tuple[str, _Function]]:
    return [(path, node) for path, _, tree in _modules() for node in ast.walk(tree) if isinstance(node, _Function)]


def _is_edge(path: str) -> bool:
    return path.split("/")[0].removesuffix(".py") in _EDGES or path.startswith(_JSON_MODULES)


def _parameters(function: _Function) -> list[ast.arg]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [parameter for parameter in every if parameter.arg not in ("self", "cls")]


def _prose(text: str, tree: ast.Module) -> Iterator[str]:
    """Yield every comment, docstring and log line of a module."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | _Function):
            yield ast.get_docstring(node) or ""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOG_METHODS:
            yield from (str(first.value) for first in node.args[:1] if isinstance(first, ast.Constant))


def test_no_module_class_or_function_has_an_empty_name() -> None:
    names = {node.name for _, node in _functions()}
    names |= {node.name for _, _, tree in _modules() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    names |= {part.removesuffix(".py") for path, _, _ in _modules() for part in path.split("/")}
    assert {name for name in names if name.lower().strip("_") in _EMPTY_NAMES} == set()


def test_no_folder_holds_too_many_modules() -> None:
    folders = Counter(path.rpartition("/")[0] for path, _, _ in _modules() if not path.endswith("__init__.py"))
    assert {folder: count for folder, count in folders.items() if count > MAX_MODULES_PER_FOLDER} == {}


def test_prose_has_no_banned_word() -> None:
    found = [
        (path, match[0])
        for path, text, tree in _modules()
        for part in _prose(text, tree)
        for match in _BANNED_WORDS.finditer(part)
    ]
    assert found == []


def test_below_the_edges_no_signature_has_a_dict_of_anything() -> None:
    found = [
        f"{path}:{node.name}"
        for path, node in _functions()
        if not _is_edge(path)
        and any(
            "dict[str, Any]" in ast.unparse(annotation)
            for annotation in [*(parameter.annotation for parameter in _parameters(node)), node.returns]
            if annotation
        )
    ]
    assert found == []


def test_below_the_edges_no_alias_hides_a_dict_of_anything() -> None:
    found = [
        path
        for path, _, tree in _modules()
        for node in tree.body
        if not _is_edge(path) and isinstance(node, ast.Assign) and ast.unparse(node.value) == "dict[str, Any]"
    ]
    assert found == []


def test_no_function_has_too_many_parameters() -> None:
    found = {
        f"{path}:{node.name}"
        for path, node in _functions()
        if len(_parameters(node)) > MAX_PARAMETERS and not _is_entry_point(path, node)
    }
    assert found - _MANY_OPTIONS == set()


def _is_entry_point(path: str, function: _Function) -> bool:
    """Return True for a route or a command: its parameters are the query's or the command line's options."""
    decorators = (ast.unparse(decorator) for decorator in function.decorator_list)
    is_decorated = any(re.search(r"\.(get|post|put|patch|delete|command)\(", decorator) for decorator in decorators)
    return is_decorated or f"{path}:{function.name}" in _CALLED_BY_TYPER


def test_booleans_are_keyword_only() -> None:
    found = [
        f"{path}:{node.name}({parameter.arg})"
        for path, node in _functions()
        if not _is_entry_point(path, node)
        for parameter in [*node.args.posonlyargs, *node.args.args]
        if parameter.annotation and ast.unparse(parameter.annotation) in ("bool", "bool | None")
    ]
    assert found == []


def test_no_number_has_one_name_and_two_values() -> None:
    values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path, _, tree in _modules():
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z0-9_]*", target.id) and _is_number(value):
                values[target.id.lstrip("_")][ast.unparse(value)].add(path)
    found = {name: {value: sorted(paths) for value, paths in by.items()} for name, by in values.items() if len(by) > 1}
    assert found == {}


def _is_number(node: ast.expr | None) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def test_a_long_test_is_marked_and_not_skipped() -> None:
    """A skip counts as a missing part in CI; the marker leaves the test to `make test-long`."""
    skipped = re.compile(r"skip(?:if)?\([^)]*IHUB_LONG|IHUB_LONG[^\n]*\n?[^\n]*\bskip\(")
    found = [str(path) for path in Path(__file__).parents[2].rglob("*.py") if skipped.search(path.read_text("utf-8"))]
    assert found == []
