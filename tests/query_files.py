"""Files of named SQL blocks, each in the folder of the module that loads it."""

from pathlib import Path

import integrahub

_SOURCE = Path(integrahub.__file__).parent
QUERY_FILES = {
    ".".join(("integrahub", *path.relative_to(_SOURCE).with_suffix("").parts)): path
    for path in sorted(_SOURCE.rglob("*.sql"))
    if path.parent.name != "migrations" and path.name != "permissions.sql"
}
"""Path of each file, by the name that `load_queries` takes."""
