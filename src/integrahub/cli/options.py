"""Options and arguments that several verbs share."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from integrahub.cli.connect import hub_options
from integrahub.domain.languages import Language
from integrahub.tools.terminal.language import choose_language

_IDENTIFIER = re.compile(r"[\w-]{1,100}", re.ASCII)
_MASK = str.maketrans("", "", "./- \t\r\n")


def parse_id(value: str | None) -> str | None:
    """Return an id without surrounding blanks; None if absent. Raise BadParameter if it cannot be part of a path."""
    if value is None:
        return None
    text = value.strip()
    if not _IDENTIFIER.fullmatch(text):
        raise typer.BadParameter(f"{value!r} is no id; copy it from the list")
    return text


def unmask_cnpj(value: str) -> str:
    """Return a CNPJ without its mask; the hub verifies its check digits."""
    text = value.translate(_MASK)
    if not (text.isascii() and text.isalnum()):
        raise typer.BadParameter(f"{value!r} is no CNPJ; expected 14 letters and digits, with or without mask")
    return text


def parse_language(value: str | None) -> str | None:
    """Choose the language of this run's output: pt or en, with or without a region."""
    if value is None:
        return None
    code = value.lower()[:2]
    if code not in ("pt", "en"):
        raise typer.BadParameter(f"{value!r}: expected pt or en")
    choose_language(Language.PT if code == "pt" else Language.EN)
    return code


AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of text")]
Wide = Annotated[bool, typer.Option("--wide", help="show all columns, also on a narrow terminal")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")]
Limit = Annotated[int, typer.Option(min=1, max=500, metavar="N", help="maximum number of rows")]
OfCnpj = Annotated[str | None, typer.Option(metavar="CNPJ", help="only of this pharmacy")]
_Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="URL of the hub; if omitted: setting INTEGRAHUB_URL")
]
_Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="API key; if omitted: setting INTEGRAHUB_KEY")]
Lang = Annotated[
    str | None,
    typer.Option(
        "--lang", metavar="pt|en", callback=parse_language, help="language of the output; if omitted: that of LANG"
    ),
]
T = TypeVar("T")


def client_verb(verb: Callable[..., T]) -> Callable[..., T]:
    """Add the options `--url` and `--key` to a verb that sends requests to a hub."""
    return _with_options(verb, {"hub_url": _Url, "hub_key": _Key})


def client_verb_with_key(verb: Callable[..., T]) -> Callable[..., T]:
    """Add the option `--url` alone, to a verb whose own `--key` means another key."""
    return _with_options(verb, {"hub_url": _Url})


def _with_options(verb: Callable[..., T], options: dict[str, Any]) -> Callable[..., T]:
    @functools.wraps(verb)
    def wrapped(*, hub_url: str | None = None, hub_key: str | None = None, **arguments: Any) -> T:
        token = hub_options.set((hub_url, hub_key))
        try:
            return verb(**arguments)
        finally:
            hub_options.reset(token)

    signature, keyword = inspect.signature(verb), inspect.Parameter.KEYWORD_ONLY
    more = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in options.items()]
    wrapped.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *more])  # type: ignore[attr-defined]
    wrapped.__annotations__ = verb.__annotations__ | options
    return wrapped


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation, unless `--yes` was given. Raise Abort if the operator does not confirm."""
    if not yes and not typer.confirm(question, err=True):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Abort
