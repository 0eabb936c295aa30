"""`integrahub doctor`: every dependency and setting looked at, and what to do about what is wrong."""

import os
import resource
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer

from integrahub.cli.client import Client, Refused
from integrahub.cli.output import OUT, show_json
from integrahub.cli.reaching import open_http
from integrahub.db import binaries
from integrahub.db.sessions import session
from integrahub.domain.errors import ConfigurationError
from integrahub.hub import check_settings
from integrahub.rotation import with_login
from integrahub.settings import Settings
from integrahub.storage.private_folder import excess_mode

_FREE = 5 << 30  # bytes of disk under which a catalogue load may not fit
_FILES = 1024  # descriptors under which many posts at once are refused


class _Sick(Exception):
    """What is wrong, and what to do."""


def _python(settings: Settings) -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _adapters(settings: Settings) -> str:
    check_settings(settings)
    return f"bus {settings.bus_url}, storage {settings.storage_url or 'local files'}"


def _folder(settings: Settings) -> str:
    place = settings.data_dir.absolute()
    nearest = next(folder for folder in (place, *place.parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        raise _Sick(f"{nearest} cannot be written. Choose another folder with INTEGRAHUB_DATA_DIR or --data.")
    if (wide := excess_mode(place, settings.data_dir_mode)) and place.is_dir():
        raise _Sick(
            f"{place} has mode {wide}: other accounts of this machine may list it. Run: "
            f"chmod {settings.data_dir_mode:o} '{place}'. Where a group shares it on purpose, set "
            "INTEGRAHUB_DATA_DIR_MODE=0750."
        )
    free = shutil.disk_usage(nearest).free
    if free < _FREE:
        raise _Sick(f"{nearest} has {free >> 20} MB free; at least {_FREE >> 20} MB are wanted. Make room.")
    return f"{place} ({free >> 30} GB free)"


def _postgresql(settings: Settings) -> str:
    if not settings.database_url:
        return f"embedded, from {binaries.find(settings.postgres_bin)}"
    url = with_login(settings).database_url or ""
    try:
        with psycopg.connect(url, connect_timeout=5, **session()) as connection:
            line = "over TLS" if connection.pgconn.ssl_in_use else "without TLS"
            return f"answers {line}, version {connection.info.server_version // 10000}"
    except psycopg.OperationalError as error:
        raise _Sick(f"DATABASE_URL does not answer: {error}. Check the address and that it runs.") from error


def _hub(settings: Settings) -> str:
    url = settings.url or settings.own_url
    try:
        with open_http(url, settings, timeout=httpx.Timeout(5)) as http:
            answer = http.get("/health")
        checks = answer.json()["checks"]
    except httpx.TransportError:
        return f"does not run at {url} (start it with `integrahub up`); {_port(settings)}"
    except (ValueError, KeyError):
        raise _Sick(f"Something else than IntegraHub answers at {url}. Choose another port with --port.") from None
    down = [f"{name}: {check['message']}" for name, check in checks.items() if check["status"] != "ok"]
    if down:
        raise _Sick(f"The hub at {url} is not well: {'; '.join(down)}. See its log.")
    return f"runs at {url} and is well"


def _keys(settings: Settings) -> str:
    """Keys that are easy to guess: of the settings, and of the hub where it runs."""
    if weak := settings.weak_keys:
        raise _Sick(f"{' and '.join(weak)}: easy to guess, kept by ALLOW_WEAK_KEYS. Choose longer ones.")
    try:
        with Client() as client:
            found = [row for row in client.get("/admin/keys")["items"] if row["weak"] and not row["revoked_at"]]
    except (Refused, httpx.TransportError):
        return "those of the settings are strong; the hub's own were not looked at"
    if found:
        raise _Sick(
            f"{len(found)} chosen keys are easy to guess, the newest {found[0]['hint']}. Give their pharmacies new "
            "ones (integrahub key create), then: integrahub key revoke ID. `integrahub key list` shows them."
        )
    return "none is easy to guess"


def _port(settings: Settings) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise _Sick(f"Port {settings.port} cannot be used: {error}. Choose another with --port.") from error
    return f"port {settings.port} is free"


def _limits(settings: Settings) -> str:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        raise _Sick(f"Only {soft} files may be open at once. Raise it: ulimit -n 65536.")
    return f"{soft} open files"


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "python": _python,
    "settings": _adapters,
    "data folder": _folder,
    "postgresql": _postgresql,
    "hub": _hub,
    "keys": _keys,
    "limits": _limits,
}


def _findings(settings: Settings) -> Iterator[dict[str, str]]:
    for name, check in _CHECKS.items():
        try:
            yield {"check": name, "status": "ok", "message": check(settings)}
        except (_Sick, ConfigurationError) as error:
            yield {"check": name, "status": "problem", "message": str(error)}


def doctor(
    data: Annotated[Path | None, typer.Option(help="the hub's folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text")] = False,
) -> int:
    """Check every dependency and setting, and say what to do. Exit code 1 when something is wrong.

    Example: integrahub doctor --data ./integrahub-data
    """
    settings = Settings()
    found = list(_findings(settings.model_copy(update={"data_dir": data}) if data else settings))
    if as_json:
        show_json(found)
    for finding in [] if as_json else found:
        mark = "[green]ok     [/green]" if finding["status"] == "ok" else "[red]problem[/red]"
        OUT.print(mark, f"{finding['check']:<12}", end=" ")
        OUT.print(finding["message"], markup=False, soft_wrap=True)
    return 1 if any(finding["status"] != "ok" for finding in found) else 0
