"""System: versions, dependencies, processes, settings in force, migrations, licences."""

import platform
from datetime import UTC, datetime
from typing import Literal

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub import __version__
from integrahub.console.access import require
from integrahub.console.context import ConsoleContext
from integrahub.console.distributions import Package, list_packages
from integrahub.console.navigation import ROOT
from integrahub.db.console import system
from integrahub.db.console.system import MigrationRow, ServerRow
from integrahub.db.monitoring import workers
from integrahub.db.monitoring.rows import Worker
from integrahub.db.schema.scripts import migrations
from integrahub.domain.people.roles import Role
from integrahub.domain.steps import HEARTBEAT_TIMEOUT_SECONDS
from integrahub.monitoring.dependencies import Checks
from integrahub.settings.shown import ShownSetting, list_settings

_MAX_PROCESSES = 200
ProcessState = Literal["live", "lost", "ended"]


class ProcessRow(msgspec.Struct, frozen=True):
    """A process of the fleet. `lost`: it has sent no heartbeat for 20 seconds; `ended`: it stopped in good order."""

    worker: Worker
    state: ProcessState
    seen_at: datetime


class SystemView(msgspec.Struct, frozen=True):
    """What the page shows. `missing` are migrations of this version that were not applied."""

    version: str
    python: str
    server: ServerRow
    dependencies: Checks
    failing: int
    processes: list[ProcessRow]
    live: int
    lost: int
    settings: list[ShownSetting]
    changed: int
    is_all: bool
    migrations: list[MigrationRow]
    missing: list[str]
    packages: list[Package]


class SystemPages:
    """The page about the hub itself."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        """Answer with the page. `settings=all` also lists settings that have their default."""
        reads = self._console.reads
        checks = (await self._console.snapshot(request)).dependencies
        processes = [self._to_row(worker) for worker in (await workers.list_all(reads))[:_MAX_PROCESSES]]
        applied = await system.find_migrations(reads)
        settings = list_settings(self._console.hub.settings)
        is_all = request.query_params.get("settings") == "all"
        view = SystemView(
            version=__version__,
            python=platform.python_version(),
            server=await system.find_server(reads),
            dependencies=checks,
            failing=sum(not check.is_ok for check in checks.values()),
            processes=processes,
            live=sum(process.state == "live" for process in processes),
            lost=sum(process.state == "lost" for process in processes),
            settings=[setting for setting in settings if is_all or not setting.is_default],
            changed=sum(not setting.is_default for setting in settings),
            is_all=is_all,
            migrations=applied,
            missing=sorted({script.name for script in migrations()} - {row.name for row in applied}),
            packages=list_packages(),
        )
        return self._console.page(request, "system/system.html", view)

    def _to_row(self, worker: Worker) -> ProcessRow:
        seen_at = datetime.fromtimestamp(self._console.clock().timestamp() - worker.silent, UTC)
        if worker.left_at:
            return ProcessRow(worker, "ended", seen_at)
        return ProcessRow(worker, "live" if worker.silent < HEARTBEAT_TIMEOUT_SECONDS else "lost", seen_at)


def build_router(console: ConsoleContext) -> APIRouter:
    """Return the route; every person may read the page."""
    pages, router = SystemPages(console), APIRouter(dependencies=[Depends(require(Role.VIEWER))])
    router.add_api_route(f"{ROOT}/system", pages.show, methods=["GET"], response_model=None)
    return router
