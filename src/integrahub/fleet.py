"""The embedded hub: one parent that keeps PostgreSQL, the API and the workers alive, and stops them in order."""

import asyncio
import errno
import os
import signal
import socket
import sys
from dataclasses import dataclass, field

import structlog

from integrahub.db.embedded import EmbeddedPostgres
from integrahub.db.leases import expire_leases
from integrahub.db.migrations import migrate
from integrahub.db.roles import Role, url_as
from integrahub.domain.errors import ConfigurationError
from integrahub.hub import admin_key, pepper
from integrahub.settings import Settings
from integrahub.telemetry import logs

_DRAIN = 25.0  # seconds a child may take to end what it began
_LONGEST = 30.0  # seconds between restarts at most
_LOOK = 0.1  # seconds between looks at the port
_STEADY = 60.0  # seconds after which a child's earlier deaths are forgotten
_log = structlog.get_logger()


@dataclass
class Child:
    """A process of ours, started again whenever it ends."""

    arguments: list[str]
    environment: dict[str, str]
    deaths: int = 0
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    async def keep(self, stop: asyncio.Event) -> None:
        """Run until `stop`, restarting with growing pauses."""
        clock = asyncio.get_running_loop().time
        while not stop.is_set():
            begun = clock()
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "integrahub", *self.arguments, env=self.environment, start_new_session=True
            )
            code = await self.process.wait()
            if stop.is_set():
                return
            self.deaths = 1 if clock() - begun > _STEADY else self.deaths + 1
            pause = min(_LONGEST, 0.2 * 2 ** (self.deaths - 1))
            _log.error(
                "a process ended and is started again", action="restart", of=self.arguments, code=code, pause=pause
            )
            await _wait(stop, pause)

    async def end(self) -> None:
        """Ask to stop, wait for it to drain, insist."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), _DRAIN)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _environment(settings: Settings, url: str) -> dict[str, str]:
    given = {
        "DATABASE_URL": url,
        "DATA_DIR": str(settings.data_dir.absolute()),
        "PORT": str(settings.port),
        "HOST": settings.host,
        "MIN_UPSERT_WORKERS": str(settings.min_upsert_workers),
        "PARENT_PID": str(os.getpid()),
    }
    return os.environ | {f"INTEGRAHUB_{name}": value for name, value in given.items()}


def _children(settings: Settings, urls: dict[Role, str]) -> list[Child]:
    upserts = [["work", "upsert"] for _ in range(settings.min_upsert_workers)]
    roles = [["api"], ["work", "split"], *upserts, ["work", "finish,sweep,failures,reconcile"]]
    environments = {role: _environment(settings, url) for role, url in urls.items()}
    node = socket.gethostname()
    names = [f"{node} {' '.join(arguments)} {slot}" for slot, arguments in enumerate(roles)]
    return [
        Child(arguments, environments[_role_of(arguments)] | {"INTEGRAHUB_WORKER_NAME": name})
        for arguments, name in zip(roles, names, strict=True)
    ]


def _role_of(arguments: list[str]) -> Role:
    return Role.API if arguments == ["api"] else Role.WORKER


async def _keep_postgres(postgres: EmbeddedPostgres, stop: asyncio.Event) -> None:
    while not stop.is_set():
        ended = asyncio.create_task(postgres.wait())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        stopped.cancel()
        if not stop.is_set():
            _log.error("PostgreSQL ended and is started again", action="restart")
            await postgres.start()


async def supervise(settings: Settings) -> None:
    """Run the embedded hub until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await _port_free(settings)
    _make_folder(settings)
    postgres = (
        None if settings.database_url else EmbeddedPostgres(settings.data_dir / "postgres", settings.postgres_bin)
    )
    url = settings.database_url or (await postgres.start() if postgres else "")
    try:
        await migrate(url)
        admin_key(settings), pepper(settings)
        if postgres:
            await expire_leases(url)
        await _run(settings, url, postgres, stop)
    finally:
        if postgres:
            await postgres.stop()


async def _run(settings: Settings, url: str, postgres: EmbeddedPostgres | None, stop: asyncio.Event) -> None:
    # Of our own PostgreSQL each child gets a login that can be nothing else; of another's it takes the role itself.
    urls = {role: url_as(url, role) if postgres else url for role in Role}
    children = _children(settings, urls)
    keepers = [asyncio.create_task(child.keep(stop)) for child in children]
    if postgres:
        keepers.append(asyncio.create_task(_keep_postgres(postgres, stop)))
    await _ready(settings, stop)
    await stop.wait()
    print("IntegraHub: stopping... / parando...", flush=True)
    await asyncio.gather(*(child.end() for child in children))
    for keeper in keepers:
        keeper.cancel()
    await asyncio.gather(*keepers, return_exceptions=True)


def _make_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {settings.data_dir.absolute()} cannot be made: {error}. Choose another with --data."
        ) from error


async def _port_free(settings: Settings) -> None:
    """Wait while an earlier hub's API drains; ConfigurationError when the port stays taken."""
    patience = asyncio.get_running_loop().time() + _DRAIN
    while True:
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE or asyncio.get_running_loop().time() > patience:
                    raise ConfigurationError(
                        f"The API cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
                        "Stop what listens there, or choose another port with --port."
                    ) from error
        await asyncio.sleep(_LOOK)


async def _ready(settings: Settings, stop: asyncio.Event) -> None:
    """Say where the hub is once its API answers."""
    while not stop.is_set():
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await _wait(stop, _LOOK)
            continue
        writer.close()
        print(_welcome(settings), flush=True)
        return


def _welcome(settings: Settings) -> str:
    base = f"http://{settings.host}:{settings.port}"
    key = "ADMIN_API_KEY" if settings.admin_api_key else str((settings.data_dir / "admin.key").absolute())
    return (
        f"IntegraHub is ready at {base} / IntegraHub pronto em {base}\n"
        f"  API        {base}/docs\n  health     {base}/health\n  data       {settings.data_dir.absolute()}\n"
        f"  admin key  {key}\nCtrl-C stops it / Ctrl-C encerra."
    )


def up(settings: Settings) -> int:
    """The embedded hub as a process: its exit code."""
    logs.configure(settings.log_level, settings.log_format)
    asyncio.run(supervise(settings))
    return 0
