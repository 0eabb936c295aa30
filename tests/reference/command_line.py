"""Arguments and options of every verb."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from integrahub.cli.app import app
from tests.reference.parts import code, list_codes, to_table
from tests.reference.translations import Translate

# Options of nearly every verb that lists or connects, described once.
_SHARED = {"--json", "--url", "--key", "--wide"}


def render(text: Translate) -> str:
    """Return a section for each verb, in the order of `integrahub --help`."""
    root: Any = typer.main.get_command(app)
    return "\n\n".join(_section(name, verb, text) for name, verb in _verbs(root, ()))


def list_verbs() -> list[str]:
    """Return all verbs with their groups: `batch list`."""
    root: Any = typer.main.get_command(app)
    return [name for name, _ in _verbs(root, ())]


def _verbs(group: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, verb in group.commands.items():
        within = (*names, name)
        if getattr(verb, "commands", None):
            if getattr(verb, "invoke_without_command", False):
                yield " ".join(within), verb
            yield from _verbs(verb, within)
        elif not verb.hidden:
            yield " ".join(within), verb


def _section(name: str, verb: Any, text: Translate) -> str:
    summary, *examples = [" ".join(part.split()) for part in (verb.help or "").split("\n\n")]
    usages = [f"    {re.sub(r'^Example: ', '', example)}" for example in examples if example.startswith("Example: ")]
    shown = [parameter for parameter in verb.params if not getattr(parameter, "hidden", False)]
    own = [parameter for parameter in shown if not set(parameter.opts) & _SHARED]
    shared = [option for parameter in shown for option in parameter.opts if option in _SHARED]
    head = map(text, ("argument or option", "default", "meaning"))
    parts = [f"### {name}", text(summary)]
    parts += [to_table(head, (_to_row(parameter, text) for parameter in own))] if own else []
    parts += [text("Also {options}.").format(options=list_codes(shared))] if shared else []
    return "\n\n".join([*parts, *(["\n".join(usages)] if usages else [])])


def _to_row(parameter: Any, text: Translate) -> tuple[str, str, str]:
    is_option = parameter.opts[0].startswith("-")
    name = "/".join([*parameter.opts, *parameter.secondary_opts]) if is_option else parameter.name.upper()
    metavar = f" {parameter.metavar}" if is_option and parameter.metavar else ""
    default = text("required") if parameter.required else _default(parameter.default)
    return code(f"{name}{metavar}"), default, text(" ".join((getattr(parameter, "help", None) or "").split()))


def _default(value: Any) -> str:
    return "" if value in (None, False, ()) or callable(value) else code(value)
