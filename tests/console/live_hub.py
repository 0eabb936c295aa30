"""A hub with its console that serves HTTP from a thread, for browsers."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import uuid4

from integrahub.api.middleware.https import SecurityHeaders
from integrahub.console.access import COOKIE
from integrahub.console.app import build_console
from integrahub.console.context import ConsoleContext
from integrahub.console.languages import Languages
from integrahub.console.rendering import Renderer
from integrahub.db.accounts import users
from integrahub.domain.languages import Language
from integrahub.domain.people.roles import Role, Theme
from integrahub.settings.model import Settings
from integrahub.web.console_mount import ConsoleMount
from integrahub.web.server import build_server
from tests.console.filling import Names, fill
from tests.console.hub import ConsoleHub, running_console
from tests.console.people import add_person, sign_in

_Value = TypeVar("_Value")
_START_TIMEOUT_SECONDS = 120.0


@dataclass
class LiveHub:
    """A filled hub. Its coroutines run in its own thread."""

    loop: asyncio.AbstractEventLoop
    url: str = ""
    names: Names = field(default_factory=dict)
    console: ConsoleHub | None = None
    cookies: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def run(self, work: Coroutine[Any, Any, _Value]) -> _Value:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_START_TIMEOUT_SECONDS)

    def cookie(self, role: Role, language: str = "", theme: Theme = Theme.SYSTEM) -> dict[str, str]:
        """Return the cookie of a person with this role, language and theme."""
        chosen = (role, language, theme)
        if chosen not in self.cookies:
            self.cookies[chosen] = self.run(self._sign_in(*chosen))
        return {COOKIE: self.cookies[chosen]}

    async def _sign_in(self, role: Role, language: str, theme: Theme) -> str:
        assert self.console is not None
        database = self.console.api.hub.database
        user = await add_person(database, role, f"Ana {role} {language} {theme}")
        profile = users.Profile(theme=theme, language=Language(language) if language else None)
        await users.update(database, user.id, profile)
        return (await sign_in(database, user))[COOKIE]


@contextmanager
def live_hub(settings: Settings) -> Iterator[LiveHub]:
    """Run a filled hub on a free port while the block runs."""
    hub = LiveHub(asyncio.new_event_loop())
    is_ready, stop = threading.Event(), asyncio.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            hub.loop.run_until_complete(_serve(hub, settings, is_ready, stop))
        except BaseException as error:  # shown by the thread of the tests
            failures.append(error)
        finally:
            is_ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        has_started = is_ready.wait(_START_TIMEOUT_SECONDS)
        if failures:
            raise failures[0]
        assert has_started, "the hub did not start in time"
        yield hub
    finally:
        hub.loop.call_soon_threadsafe(stop.set)
        thread.join()
        hub.loop.close()


async def _serve(hub: LiveHub, settings: Settings, is_ready: threading.Event, stop: asyncio.Event) -> None:
    async with running_console(settings) as console, AsyncExitStack() as beating:
        hub.console, hub.names = console, await fill(console)
        for step in ("api", "upsert"):
            await beating.enter_async_context(console.api.hub.heartbeat(uuid4(), [step]))
        async with _serving(console) as hub.url:
            is_ready.set()
            await stop.wait()


@asynccontextmanager
async def _serving(console: ConsoleHub) -> AsyncIterator[str]:
    """Serve API and console on a free port while the block runs; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = console.api.hub.settings
        app = SecurityHeaders(ConsoleMount(console.api.app, console.app), tls=False)
        server = build_server(settings, app, settings.port, None)
        serving = asyncio.ensure_future(server._serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@contextmanager
def in_languages(hub: LiveHub, languages: Languages) -> Iterator[LiveHub]:
    """Serve the console of a running hub in other languages too, at another address."""
    assert hub.console is not None
    context = ConsoleContext(hub.console.context.hub, Renderer(languages))
    console = replace(hub.console, app=build_console(context), context=context)
    serving = _serving(console)
    yield replace(hub, console=console, url=hub.run(serving.__aenter__()))
    hub.run(serving.__aexit__(None, None, None))
