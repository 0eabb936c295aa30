"""Named SQL blocks: a heading `-- name --`, a comment line that says what the statement does, then the statement."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- ([-a-z_0-9]+) --\n", re.MULTILINE)


@cache
def load_queries(module: str) -> dict[str, LiteralString]:
    """Return the statements of a module's .sql file, by block name: `load_queries(__name__)`.

    A KeyError on the result means that the file has no such block.
    """
    package, _, name = module.rpartition(".")
    text = (files(package) / f"{name}.sql").read_text("utf-8")
    parts = _HEADING.split(text)
    # The text comes from the package, not from a client: it is as literal as the code.
    return {name: cast(LiteralString, body.strip()) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
