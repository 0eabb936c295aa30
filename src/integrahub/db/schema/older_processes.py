"""Processes with a recent heartbeat that do not know a migration, so that a contract step must wait for their end."""

import msgspec

from integrahub.db.connections import HubConnection
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value
from integrahub.domain.errors import ConfigurationError
from integrahub.domain.steps import HEARTBEAT_TIMEOUT_SECONDS

_SQL = load_queries(__name__)
_MAX_NAMED_PROCESSES = 3


class OlderProcess(msgspec.Struct, frozen=True):
    """A live process; `version` is None for one that registered no version."""

    name: str
    host: str
    pid: int
    version: str | None


async def find_older(connection: HubConnection, migration: str) -> list[OlderProcess]:
    """Return the live processes that do not know this migration."""
    if not await fetch_value(connection, _SQL["has_versions"], None, bool):
        return []  # the database is new, or the processes of its version keep no contract
    params = {"timeout": HEARTBEAT_TIMEOUT_SECONDS, "migration": migration}
    return await fetch_all(connection, _SQL["find_older"], params, OlderProcess)


async def check_no_older(connection: HubConnection, migration: str) -> None:
    """Raise ConfigurationError if a live process needs what this contract step removes."""
    older = await find_older(connection, migration)
    if older:
        names = [
            f"{one.name} (version {one.version or 'before 0.3'}, process {one.pid})"
            for one in older[:_MAX_NAMED_PROCESSES]
        ]
        more = f" and {len(older) - _MAX_NAMED_PROCESSES} more" if len(older) > _MAX_NAMED_PROCESSES else ""
        raise ConfigurationError(
            f"{migration} removes something that running processes of an older version use: {', '.join(names)}{more}. "
            "Replace them by this version, wait 20 s, then migrate again."
        )
