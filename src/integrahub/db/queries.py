"""Named SQL blocks: `-- name --`, a line of purpose, then the statement."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- ([-a-z_0-9]+) --\n", re.MULTILINE)


@cache
def load_queries(table: LiteralString) -> dict[str, LiteralString]:
    """The statements of `sql/<table>.sql` by name. KeyError later means a block that is not there."""
    text = (files(__package__) / "sql" / f"{table}.sql").read_text("utf-8")
    parts = _HEADING.split(text)
    # The text comes from the package, not from a client: it is as literal as the code.
    return {name: cast(LiteralString, body.strip()) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
