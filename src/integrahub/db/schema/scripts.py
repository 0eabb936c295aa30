"""The SQL scripts of the schema: migrations apply once, repeatable scripts apply again whenever they change."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import LiteralString

_REPEATABLE = ("functions", "permissions", "comments")
_CONCURRENTLY = "-- concurrently\n"  # second line of such a migration


@dataclass(frozen=True, slots=True)
class Script:
    """A script under the name that `schema_migrations` records. `kind` and `checksum` are None if repeatable."""

    name: str
    text: LiteralString
    kind: str | None = None
    checksum: str | None = None

    @property
    def is_concurrent(self) -> bool:
        """Whether its statements run one by one outside a transaction, as CREATE INDEX CONCURRENTLY requires."""
        return self.text.partition("\n")[2].startswith(_CONCURRENTLY)


def migrations() -> list[Script]:
    """Return all migrations in the order in which they apply."""
    folder = files(__package__) / "migrations"
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return [Script(name, text, kind_of(text), checksum_of(text)) for name, text in sorted(texts.items())]


@cache
def latest_migration() -> str:
    """Return the name of the last migration that this version knows."""
    return migrations()[-1].name


def repeatable_scripts() -> list[Script]:
    """Return the repeatable scripts. The name contains a hash of the text, so a changed script counts as a new one."""
    texts = {name: (files(__package__) / f"{name}.sql").read_text("utf-8") for name in _REPEATABLE}
    return [Script(f"{name} {_digest(text)}", text) for name, text in texts.items()]


def is_repeatable(name: str) -> bool:
    """Return True if `schema_migrations` records a repeatable script, of this or another version, by this name."""
    return name.partition(" ")[0] in _REPEATABLE


def kind_of(text: str) -> str:
    """Return what a migration does to older versions of the hub, from its first line: `expand` or `contract`."""
    return text.partition("\n")[0].removeprefix("--").strip()


def checksum_of(text: str) -> str:
    """Return the checksum of a migration. Comments and white space do not count."""
    return _digest(" ".join(word for line in text.splitlines() for word in line.partition("--")[0].split()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
