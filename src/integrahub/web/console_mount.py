"""The console on the port of another application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from integrahub.db.tenancy import DatabaseRole
from integrahub.hub.bootstrap import open_hub
from integrahub.settings.model import Settings
from integrahub.web.console_paths import is_console_path


class ConsoleMount:
    """ASGI application: paths of the console go to the console, all others to the other application."""

    def __init__(self, other: ASGIApp, console: ASGIApp | None) -> None:
        self._other = other
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        is_own = scope["type"] == "http" and is_console_path(scope["path"])
        app = self._console if self._console and is_own else self._other
        await app(scope, receive, send)


@asynccontextmanager
async def open_mounted_console(settings: Settings) -> AsyncIterator[ASGIApp | None]:
    """Open the console that an API process also serves if CONSOLE is set, as `integrahub up` does.

    Its connections have the console's own role, in pools of their own.
    """
    if not settings.console:
        yield None
        return
    from integrahub.console.app import build_console
    from integrahub.console.context import ConsoleContext

    url = settings.console_database_url
    own = settings.model_copy(update={"database_url": url, "database_login": None}) if url else settings
    async with open_hub(own, "integrahub console", DatabaseRole.CONSOLE) as hub:
        yield build_console(ConsoleContext(hub))
