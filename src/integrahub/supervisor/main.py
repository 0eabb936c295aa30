"""The processes `integrahub up` and `integrahub fleet`: one supervisor, with or without a database of its own."""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.db.urls import shown_database
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.local_secrets import load_secrets
from integrahub.secrets.local import FOLDER, show_new_key
from integrahub.settings.bind_policy import check_bind_address
from integrahub.settings.model import Settings
from integrahub.supervisor import embedded_database as embedded
from integrahub.supervisor import state_file as place
from integrahub.supervisor.hangups import Terminal
from integrahub.supervisor.port_listeners import Listener, listener_on, may_let_go
from integrahub.supervisor.process_specs import light
from integrahub.supervisor.supervisor import DRAIN, Supervisor
from integrahub.telemetry import probe_server
from integrahub.telemetry.setup import telemetry_for

_LOOK = 0.3  # seconds between looks at the port


def up(settings: Settings) -> int:
    """The embedded hub as a process: its exit code."""
    os.umask(settings.umask)
    with telemetry_for(settings, "fleet"):
        asyncio.run(_supervise(light(settings)))
    return 0


def fleet(settings: Settings) -> int:
    """The orchestrator over a database that is there already: its exit code."""
    if not settings.database_url:
        raise ConfigurationError(
            "DATABASE_URL is not set. `integrahub fleet` works on a database that is there already, for example "
            "postgresql://user:password@host/integrahub; `integrahub up` brings its own."
        )
    os.umask(settings.umask)
    with telemetry_for(settings, "fleet"):
        asyncio.run(_supervise(settings))
    return 0


@dataclass(frozen=True, slots=True)
class _Orders:
    """What signals ask of this process; `begun` is set once there are processes to drain."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    again: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)


async def _supervise(settings: Settings) -> None:
    orders, loop = _Orders(), asyncio.get_running_loop()
    running = asyncio.create_task(_start(settings, orders))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, orders, running)
    loop.add_signal_handler(signal.SIGHUP, _hang_up, settings, orders, running, Terminal())
    try:
        await running
    except asyncio.CancelledError:
        if not orders.stop.is_set():
            raise


def _stop(orders: _Orders, running: "asyncio.Task[None]") -> None:
    """Let the processes drain; before there are any, give up whatever the start waits for."""
    if not orders.stop.is_set() and not orders.begun.is_set():
        running.cancel()
    orders.stop.set()


def _hang_up(settings: Settings, orders: _Orders, running: "asyncio.Task[None]", terminal: Terminal) -> None:
    """Restart the processes; end with a terminal that was closed, unless somebody asked for the restart."""
    if not place.take_restart(settings) and terminal.is_closed:
        terminal.leave()
        _stop(orders, running)
    else:
        orders.again.set()


async def _start(settings: Settings, orders: _Orders) -> None:
    check_bind_address(settings.host, settings.tls_cert, settings.tls_key, plain_http=settings.plain_http)
    with await _listen(settings) as shared:
        async with embedded.database(settings) as url:
            known = settings.model_copy(update={"database_url": url})
            # Of our own PostgreSQL each process gets a login that can be nothing else; of another's it takes the role.
            url_of = partial(url_as, url) if settings.database_url is None else lambda login: None
            orders.begun.set()
            await _run(known, shared, url_of, orders)


async def _run(
    settings: Settings, shared: socket.socket, url_of: Callable[[DatabaseRole], str | None], orders: _Orders
) -> None:
    own = probe_server.open_probe_socket(None, settings.probe_host, settings.probe_port or 0)
    assert own is not None
    known = settings.model_copy(update={"database_url": url_of(DatabaseRole.WORKER) or settings.database_url})
    show_new_key(load_secrets(settings)[1])
    async with open_hub(known, "integrahub fleet", DatabaseRole.WORKER) as hub:
        supervisor = Supervisor(hub, shared, own.getsockname()[1], url_of)
        with place.announced(settings, own):
            async with probe_server.serve_probes(supervisor.probes(), own):
                welcoming = asyncio.create_task(_welcome(settings, supervisor, orders.stop))
                await supervisor.run(orders.stop, orders.again)
                welcoming.cancel()


async def _listen(settings: Settings) -> socket.socket:
    """Return the socket all APIs share. Waits while an earlier hub drains; ConfigurationError when the port is taken.

    The fleet holds it, so that a client's connection waits over a restart instead of being refused.
    """
    patience, is_told = asyncio.get_running_loop().time() + DRAIN, False
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    while True:
        try:
            return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
        except OSError as error:
            holder = await asyncio.to_thread(listener_on, settings.port)
            is_late = asyncio.get_running_loop().time() > patience
            if error.errno != errno.EADDRINUSE or is_late or not may_let_go(holder):
                raise _taken(settings, error, holder) from error
        if not is_told:
            is_told = True
            say(f"Port {settings.port} is held by {holder or 'a process'}; waiting {DRAIN:.0f} s for it to end.")
        await asyncio.sleep(_LOOK)


def _taken(settings: Settings, error: OSError, holder: Listener | None) -> ConfigurationError:
    where = f"{settings.host}:{settings.port}"
    if error.errno != errno.EADDRINUSE:
        told = (error.strerror or "").partition(" (while")[0]
        return ConfigurationError(f"The API cannot listen on {where}: {told}. Choose another HOST, or --port.")
    if holder and holder.is_hub:
        same = " Another IntegraHub is running on this folder." if _is_own(settings, holder) else ""
        return ConfigurationError(f"{holder} already listens on {where}.{same} Stop it, or choose another with --port.")
    return ConfigurationError(
        f"Something else listens on {where}: {holder or 'a process of another account'}. Stop it, or choose another "
        "port with --port."
    )


def _is_own(settings: Settings, holder: Listener) -> bool:
    return holder.folder is not None and holder.folder.resolve() == settings.data_dir.resolve()


def say(text: str) -> None:
    """Tell the person who started this process, as long as there is a terminal or a file to write to."""
    with suppress(OSError):
        print(text, flush=True)


async def _welcome(settings: Settings, supervisor: Supervisor, stop: asyncio.Event) -> None:
    """Say where the hub is once an API is ready, and that it stops when it does."""
    await supervisor.serving()
    base = settings.own_url
    kept = settings.data_dir.absolute() / FOLDER / "admin.key"
    key = "ADMIN_API_KEY" if settings.admin_api_key else str(kept) if kept.exists() else "shown at the first start"
    say(
        f"IntegraHub is ready at {base} / IntegraHub pronto em {base}\n"
        f"  API        {base}/docs\n  health     {base}/health\n  data       {settings.data_dir.absolute()}\n"
        f"  database   {shown_database(settings.database_url or '')}\n"
        f"  admin key  {key}\nCtrl-C stops it / Ctrl-C encerra."
    )
    await stop.wait()
    place.withdraw(settings)
    say("IntegraHub: stopping... / parando...")
