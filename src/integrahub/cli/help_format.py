"""Help texts: lists of verbs show whole sentences, which typer would cut at the line width."""

import inspect

import typer


def show_whole_sentences(app: typer.Typer) -> None:
    """Set the short help of every verb and group of `app` to the first sentence of its description."""
    for command in app.registered_commands:
        command.short_help = first_sentence(command.help or inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance:
            group.short_help = first_sentence(str(group.typer_instance.info.help or ""))
            show_whole_sentences(group.typer_instance)


def first_sentence(text: str) -> str:
    """Return the text up to its first full stop, on one line."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".") + "."
