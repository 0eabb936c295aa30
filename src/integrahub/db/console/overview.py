"""Reads of the overview: what waits for a person, what runs, and how the hub is. All are bounded."""

import msgspec

from integrahub.db.console.overview_rows import (
    MAX_COUNTED,
    MAX_COUNTED_AREAS,
    ExpiringKey,
    FailedLoad,
    HeldDecision,
    HubState,
    LastProblem,
    OpenCause,
    RunningBatch,
    SilentPharmacy,
    SuspendedWebhook,
    Waiting,
)
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.db.webhooks.notices import KEY_WARNING_DAYS

_SQL = load_queries(__name__)
_CAUSES = _SQL["open_causes"] + " " + _SQL["causes"]
_WAITING = _SQL["open_causes"] + " " + _SQL["waiting"]
MAX_ROWS = 20  #: Of each kind.


class OverviewRows(msgspec.Struct, frozen=True):
    """What one read of the database says, at one moment. Each list has at most MAX_ROWS rows."""

    state: HubState
    held: list[HeldDecision]
    causes: list[OpenCause]
    failed: list[FailedLoad]
    silent: list[SilentPharmacy]
    suspended: list[SuspendedWebhook]
    expiring: list[ExpiringKey]
    running: list[RunningBatch]


async def find_overview(database: Database) -> OverviewRows:
    """Return all that the overview shows, but for its charts."""
    params = {"limit": MAX_ROWS, "counted": MAX_COUNTED, "days": KEY_WARNING_DAYS}
    async with database.transaction() as connection:
        state = await fetch_one(connection, _SQL["state"], params, HubState)
        assert state is not None
        return OverviewRows(
            state,
            await fetch_all(connection, _SQL["held"], params, HeldDecision),
            await fetch_all(connection, _CAUSES, params, OpenCause),
            await fetch_all(connection, _SQL["failed"], params, FailedLoad),
            await fetch_all(connection, _SQL["silent"], params, SilentPharmacy),
            await fetch_all(connection, _SQL["suspended"], params, SuspendedWebhook),
            await fetch_all(connection, _SQL["expiring"], params, ExpiringKey),
            await fetch_all(connection, _SQL["running"], params, RunningBatch),
        )


async def count_waiting(database: Database) -> Waiting:
    """Count what waits for a person."""
    async with database.transaction() as connection:
        counted = await fetch_one(connection, _WAITING, {"counted": MAX_COUNTED_AREAS}, Waiting)
    assert counted is not None
    return counted


async def find_last_problem(database: Database) -> LastProblem | None:
    """Return the latest problem, if it is resolved."""
    async with database.transaction() as connection:
        return await fetch_one(connection, _SQL["last_problem"], None, LastProblem)
