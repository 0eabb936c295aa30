"""The processes `integrahub up` and `integrahub fleet`: a supervisor, with or without an embedded database."""

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.db.urls import shown_database
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.adapters import describe_kernel
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.local_secrets import load_secrets
from integrahub.secrets.local import SECRETS_FOLDER, create_receipt_key, print_new_key
from integrahub.settings.bind_policy import check_bind_address
from integrahub.settings.model import Settings
from integrahub.supervisor.embedded_database import open_database
from integrahub.supervisor.first_admin import invite_first_admin
from integrahub.supervisor.hangups import Terminal
from integrahub.supervisor.port_listeners import Listener, find_listener, may_release_port
from integrahub.supervisor.process_specs import with_embedded_defaults
from integrahub.supervisor.state_file import consume_restart_request, publish_state, remove_state
from integrahub.supervisor.supervisor import PROCESS_DRAIN_TIMEOUT_SECONDS, Supervisor
from integrahub.telemetry import probe_server
from integrahub.telemetry.logs import is_text
from integrahub.telemetry.setup import telemetry_for

_PORT_RETRY_INTERVAL_SECONDS = 0.3
_LISTEN_BACKLOG = 2048
_PORT_OPTIONS = "--port or INTEGRAHUB_PORT"


def run_up(settings: Settings) -> int:
    """Run the embedded hub to its end and return the exit code."""
    os.umask(settings.umask)
    with telemetry_for(settings, "fleet"):
        asyncio.run(_supervise(with_embedded_defaults(settings)))
    return 0


def run_fleet(settings: Settings) -> int:
    """Run the supervisor on an existing database to its end and return the exit code."""
    if not settings.database_url:
        raise ConfigurationError(
            "INTEGRAHUB_DATABASE_URL is not set. Set it, for example to postgresql://user:password@host/integrahub, or "
            "run `integrahub up`, which starts a PostgreSQL of its own."
        )
    os.umask(settings.umask)
    with telemetry_for(settings, "fleet"):
        asyncio.run(_supervise(settings))
    return 0


@dataclass(frozen=True, slots=True)
class _Signals:
    """Orders that arrive as signals; `started` is set once there are processes to drain."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    restart: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)


async def _supervise(settings: Settings) -> None:
    signals, loop = _Signals(), asyncio.get_running_loop()
    running = asyncio.create_task(_start(settings, signals))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, signals, running)
    loop.add_signal_handler(signal.SIGHUP, _handle_hangup, settings, signals, running, Terminal())
    try:
        await running
    except asyncio.CancelledError:
        if not signals.stop.is_set():
            raise


def _stop(signals: _Signals, running: "asyncio.Task[None]") -> None:
    """Drain the processes; before there are any, cancel the start."""
    if not signals.stop.is_set() and not signals.started.is_set():
        running.cancel()
    signals.stop.set()


def _handle_hangup(settings: Settings, signals: _Signals, running: "asyncio.Task[None]", terminal: Terminal) -> None:
    """Restart the processes; if the terminal was closed and no restart was ordered, stop instead."""
    if not consume_restart_request(settings) and terminal.is_closed:
        terminal.detach()
        _stop(signals, running)
    else:
        signals.restart.set()


async def _start(settings: Settings, signals: _Signals) -> None:
    check_bind_address(settings.host, settings.tls_cert, settings.tls_key, plain_http=settings.plain_http)
    with await _listen(settings) as api_socket:
        async with open_database(settings) as url:
            if settings.database_url is None:
                create_receipt_key(settings.data_dir)
            opened = settings.model_copy(update={"database_url": url, "public_url": _public_url(settings)})
            if settings.console and settings.database_url is None:
                opened = opened.model_copy(update={"console_database_url": url_as(url, DatabaseRole.CONSOLE)})
            # On the embedded PostgreSQL each role has its own login; on another each process sets its role.
            url_of = partial(url_as, url) if settings.database_url is None else lambda role: None
            signals.started.set()
            await _run(opened, api_socket, url_of, signals)


def _public_url(settings: Settings) -> str | None:
    """Return the URL of links in webhooks. An embedded hub without a setting is reached where the greeting says."""
    return settings.public_url or (settings.own_url if settings.database_url is None else None)


async def _run(
    settings: Settings, api_socket: socket.socket, url_of: Callable[[DatabaseRole], str | None], signals: _Signals
) -> None:
    probe = probe_server.open_probe_socket(None, settings.probe_host, settings.probe_port or 0)
    assert probe is not None
    own_settings = settings.model_copy(update={"database_url": url_of(DatabaseRole.WORKER) or settings.database_url})
    print_new_key(load_secrets(settings).operator)
    if link := await invite_first_admin(settings, may_show=_is_read_by_a_person(settings)):
        say(
            "First administrator of the console, name `admin`; the link is valid for an hour. / Primeira pessoa que "
            f"administra o console, nome `admin`; o link vale por uma hora.\n  {link}"
        )
    async with open_hub(own_settings, "integrahub fleet", DatabaseRole.WORKER) as hub:
        supervisor = Supervisor(hub, api_socket, probe.getsockname()[1], url_of)
        with publish_state(settings, probe):
            async with probe_server.serve_probes(supervisor.probes(), probe):
                greeting = asyncio.create_task(_greet(settings, supervisor, signals.stop))
                await supervisor.run(signals.stop, signals.restart)
                greeting.cancel()


def _is_read_by_a_person(settings: Settings) -> bool:
    """Return whether a person reads standard output, which else is likely kept with the JSON logs."""
    return sys.stdout.isatty() or is_text(settings.log_format)


async def _listen(settings: Settings) -> socket.socket:
    """Return the listening socket of all API processes.

    Wait while an earlier hub drains. Raise ConfigurationError if the port is in use. The supervisor keeps the socket
    open, so that connections of clients wait during a restart instead of being refused.
    """
    loop = asyncio.get_running_loop()
    deadline, is_announced = loop.time() + PROCESS_DRAIN_TIMEOUT_SECONDS, False
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    while True:
        try:
            return socket.create_server((settings.host, settings.port), family=family, backlog=_LISTEN_BACKLOG)
        except OSError as error:
            holder = await asyncio.to_thread(find_listener, settings.port)
            if error.errno != errno.EADDRINUSE or loop.time() > deadline or not may_release_port(holder):
                raise _port_unavailable(settings, error, holder) from error
        if not is_announced:
            is_announced = True
            seconds = f"{PROCESS_DRAIN_TIMEOUT_SECONDS:.0f} s"
            say(f"Port {settings.port} is in use by {holder or 'a process'}; waiting up to {seconds} for its end.")
        await asyncio.sleep(_PORT_RETRY_INTERVAL_SECONDS)


def _port_unavailable(settings: Settings, error: OSError, holder: Listener | None) -> ConfigurationError:
    address = f"{settings.host}:{settings.port}"
    if error.errno != errno.EADDRINUSE:
        reason = (error.strerror or "").partition(" (while")[0]
        return ConfigurationError(
            f"The API cannot listen on {address}: {reason}. Choose another INTEGRAHUB_HOST, or {_PORT_OPTIONS}."
        )
    if holder and holder.is_hub:
        is_same = holder.folder is not None and holder.folder.resolve() == settings.data_dir.resolve()
        if is_same:
            return ConfigurationError(
                f"{holder} already listens on {address}. Another IntegraHub is running on this folder: use it, or "
                "stop it."
            )
        return ConfigurationError(
            f"{holder} already listens on {address}. Stop it, or choose another port with {_PORT_OPTIONS}."
        )
    return ConfigurationError(
        f"Something else listens on {address}: {holder or 'a process of another account'}. Stop it, or choose another "
        f"port with {_PORT_OPTIONS}."
    )


def say(text: str) -> None:
    """Print a line for the person who started this process; do nothing if standard output is closed."""
    with suppress(OSError):
        print(text, flush=True)


async def _greet(settings: Settings, supervisor: Supervisor, stop: asyncio.Event) -> None:
    """Print the hub's addresses once an API process is ready, and a line when the hub stops."""
    await supervisor.wait_until_serving()
    base = settings.own_url
    key_file = settings.data_dir.absolute() / SECRETS_FOLDER / "admin.key"
    console = f"  console    {base}/console\n" if settings.console else ""
    stored = str(key_file) if key_file.exists() else "shown at the first start"
    say(
        f"IntegraHub is ready at {base} / IntegraHub pronto em {base}\n"
        f"  API        {base}/docs\n{console}  health     {base}/health\n  data       {settings.data_dir.absolute()}\n"
        f"  database   {shown_database(settings.database_url or '')}\n"
        f"  records    read by {describe_kernel(settings)}\n"
        f"  admin key  {'INTEGRAHUB_ADMIN_API_KEY' if settings.admin_api_key else stored}\n"
        "Ctrl-C stops it / Ctrl-C encerra."
    )
    await stop.wait()
    remove_state(settings)
    say("IntegraHub: stopping... / parando...")
