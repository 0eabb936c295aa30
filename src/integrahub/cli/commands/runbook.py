"""`integrahub runbook`: the entries of the runbook on the terminal, without a hub and without a network."""

from difflib import get_close_matches
from typing import Annotated

import typer
from rich.markdown import Markdown

from integrahub.cli.options import Lang
from integrahub.domain.languages import Language
from integrahub.runbook.pages import Entry, list_entries
from integrahub.tools.terminal.language import select_text
from integrahub.tools.terminal.output import OUT, say, show_json, show_rows


def runbook(
    entry: Annotated[str | None, typer.Argument(metavar="[ENTRY]", help="name of an entry or of an alert")] = None,
    lang: Lang = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
) -> None:
    """Print an entry of the runbook, or list all entries.

    Example: integrahub runbook restart-workers
    """
    entries = list_entries(Language(select_text(Language.PT, Language.EN)))
    if entry is None:
        rows = [{"entry": one.anchor, "page": one.page, "title": one.title} for one in entries.values()]
        show_rows(rows, ["entry", "title", "page"], as_json=as_json)
        return
    _show(_find(entries, entry), as_json=as_json)


def _find(entries: dict[str, Entry], name: str) -> Entry:
    if found := entries.get(name.lower()):
        return found
    near = get_close_matches(name.lower(), entries, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise typer.BadParameter(f"there is no entry {name!r}{hint} `integrahub runbook` lists all", param_hint="ENTRY")


def _show(entry: Entry, *, as_json: bool) -> None:
    """Print the entry: rendered on a terminal, as Markdown in a pipe."""
    text = f"## {entry.title}\n\n{entry.text}"
    if as_json:
        show_json({"entry": entry.anchor, "page": entry.page, "title": entry.title, "text": entry.text})
    elif OUT.is_terminal:
        OUT.print(Markdown(text))
    else:
        say(text)
