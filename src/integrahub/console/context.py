"""What every page of the console works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.accounts import Accounts
from integrahub.console.acts import has_acted
from integrahub.console.rendering import Renderer
from integrahub.db.database import Database
from integrahub.db.tenancy import ALL_TENANTS
from integrahub.monitoring.overview import MAX_SNAPSHOT_AGE_SECONDS, Overview, OverviewSnapshot

if TYPE_CHECKING:
    from integrahub.hub.hub import Hub


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ConsoleContext:
    """The hub, the renderer and the clock, handed to each module of pages."""

    hub: "Hub"
    renderer: Renderer = field(default_factory=Renderer)
    clock: Callable[[], datetime] = _now

    @property
    def reads(self) -> Database:
        """The pool for what pages read: bounded statements, all pharmacies."""
        return self.hub.reads.for_tenants(ALL_TENANTS)

    @property
    def database(self) -> Database:
        """The pool for acts and sessions, all pharmacies."""
        return self.hub.all_tenants

    @cached_property
    def accounts(self) -> Accounts:
        """People, their sessions and sign-in."""
        return Accounts(self.hub, self.clock)

    @cached_property
    def overview(self) -> Overview:
        """Snapshots of the hub, one a second for all pages of this process."""
        return self.hub.overview()

    async def snapshot(self, request: Request) -> OverviewSnapshot:
        """Return the hub as it was some seconds ago at most; for a person who has just acted, as it is now."""
        return await self.overview.snapshot(0 if has_acted(request) else MAX_SNAPSHOT_AGE_SECONDS)

    def page(self, request: Request, template: str, view: object = None, *, status: int = 200) -> Response:
        """Return the page of a template, in which `view` has this name, or its live block if htmx polls for it."""
        return self.renderer.page(request, template, view, status=status)
