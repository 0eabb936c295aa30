"""Options that several verbs share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text")]
Wide = Annotated[bool, typer.Option("--wide", help="every column, also on a narrow terminal")]
