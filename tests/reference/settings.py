"""Types, bounds, older names and secrecy of all settings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from integrahub.settings.model import Settings
from tests.reference.parts import Part, code, list_codes, to_table

_PREFIX = "INTEGRAHUB_"
_KINDS = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "path"}
_BOUNDS = (("ge", "from"), ("gt", "above"), ("le", "to"), ("min_length", "characters from"))
_PORTUGUESE = (
    *(("bounds or values", "limites ou valores"), ("older name", "nome antigo"), ("true or false", "true ou false")),
    *(("characters from", "caracteres de"), ("name", "nome"), ("type", "tipo"), ("secret", "segredo")),
    *(("integer", "inteiro"), ("number", "número"), ("text", "texto"), ("path", "caminho"), ("list", "lista")),
    *(("from", "de"), ("above", "acima de"), ("to", "a"), ("yes", "sim")),
)


def render() -> str:
    """Return a row for each setting, in the order of their names."""
    rows = (_to_row(name.upper(), field) for name, field in sorted(Settings.model_fields.items()))
    return to_table(("name", "type", "bounds or values", "older name", "secret"), rows)


def render_portuguese() -> str:
    """Return the same with the words of the table in Portuguese."""
    text = render()
    for english, portuguese in _PORTUGUESE:
        text = re.sub(rf"(?<![\w`]){english}(?![\w`])", portuguese, text)
    return text


def _to_row(name: str, field: FieldInfo) -> tuple[str, ...]:
    older = [choice for choice in _choices(field) if not choice.startswith(_PREFIX)]
    return code(name), _kind(field.annotation), _bounds(field), list_codes(older), "" if field.repr else "yes"


def _choices(field: FieldInfo) -> list[str]:
    alias: Any = field.validation_alias
    return [str(choice) for choice in alias.choices] if alias else []


def _kind(annotation: Any) -> str:
    """Return the type in words; of an optional one, that of its value."""
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    return _KINDS.get(annotation, "list")


def _bounds(field: FieldInfo) -> str:
    return " ".join(_parts(field))


def _parts(field: FieldInfo) -> Iterator[str]:
    for item in field.metadata:
        if pattern := getattr(item, "pattern", None):
            yield list_codes(re.fullmatch(r"\^\((.*)\)\$", pattern)[1].split("|"))  # type: ignore[index]
        for name, word in _BOUNDS:
            if (bound := getattr(item, name, None)) is not None:
                yield f"{word} {bound}"


PARTS = (
    Part("reference/settings.md", "settings", render),
    Part("reference/settings.pt-BR.md", "settings", render_portuguese),
)
