"""Options that several verbs share."""

import re
from typing import Annotated

import typer

_IDENTIFIER = re.compile(r"[\w-]{1,100}", re.ASCII)
_MASK = str.maketrans("", "", "./- \t\r\n")


def identifier(value: str) -> str:
    """Return an id without blanks around it; what cannot be a part of an address is wrong usage."""
    text = value.strip()
    if not _IDENTIFIER.fullmatch(text):
        raise typer.BadParameter(f"{value!r} is no id; copy it from the list")
    return text


def unmasked_cnpj(value: str) -> str:
    """Return a CNPJ as the hub's addresses have it; whether it is right the hub says."""
    text = value.translate(_MASK)
    if not (text.isascii() and text.isalnum()):
        raise typer.BadParameter(f"{value!r} is no CNPJ; expected 14 letters and digits, with or without mask")
    return text


AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text")]
Wide = Annotated[bool, typer.Option("--wide", help="every column, also on a narrow terminal")]
