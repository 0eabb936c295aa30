"""Processes of a hub: which, how many, and their arguments and environment."""

import os
import socket
from dataclasses import dataclass

from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.steps import NOTIFY, STEPS
from integrahub.settings.model import Settings
from integrahub.supervisor.autoscaler import ReplicaRange

OTHER_STEPS = ",".join(step for step in STEPS if step not in ("split", "upsert", NOTIFY))  # light steps, in one process

_OF_OTHERS = frozenset({"KEY", "POSTGRES_PASSWORD"})
_OF_THE_API = frozenset({"ADMIN_API_KEY", "CONSOLE_DATABASE_URL", "RECEIPT_KEY", "VALID_API_KEYS"})
# Secrets that a process of a role does not need: its environment is readable in /proc by processes of the same account.
_WITHHELD = {
    DatabaseRole.API: _OF_OTHERS,
    DatabaseRole.WORKER: _OF_OTHERS | _OF_THE_API | {"KEY_PEPPER"},
    DatabaseRole.NOTIFY: _OF_OTHERS | _OF_THE_API,
    DatabaseRole.CONSOLE: _OF_OTHERS | _OF_THE_API,
}


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`step` is the label in metrics, `arguments` those of the command, `role` the role in PostgreSQL."""

    step: str
    arguments: tuple[str, ...]
    replicas: ReplicaRange
    role: DatabaseRole = DatabaseRole.WORKER


def list_process_specs(settings: Settings) -> list[ProcessSpec]:
    """Return the API, one splitter, the upsert workers, one sender of webhooks, and one process for all other steps."""
    apis = ReplicaRange(settings.min_api, max(settings.min_api, settings.max_api))
    upserts = ReplicaRange(settings.min_upsert_workers, max(settings.min_upsert_workers, settings.max_upsert_workers))
    return [
        ProcessSpec("api", ("api",), apis, DatabaseRole.API),
        ProcessSpec("split", ("work", "split"), ReplicaRange(1, 1)),
        ProcessSpec("upsert", ("work", "upsert"), upserts),
        ProcessSpec("finish", ("work", OTHER_STEPS), ReplicaRange(1, 1)),
        ProcessSpec(NOTIFY, ("work", NOTIFY), ReplicaRange(1, 1), DatabaseRole.NOTIFY),
    ]


def with_embedded_defaults(settings: Settings) -> Settings:
    """Return the settings of an embedded hub: one API and the minimum of workers, unless a maximum is set.

    Its API processes also serve the console.
    """
    given = settings.model_fields_set
    min_api = settings.min_api if "min_api" in given else 1
    max_api = settings.max_api if "max_api" in given else min_api
    max_upsert = settings.max_upsert_workers if "max_upsert_workers" in given else settings.min_upsert_workers
    replicas = {"min_api": min_api, "max_api": max_api, "max_upsert_workers": max_upsert}
    return settings.model_copy(update={**replicas, "console": settings.console or "console" not in given})


def worker_name(spec: ProcessSpec, slot: int) -> str:
    """Return the name of the process in a slot: unique to this machine, and the same after a restart."""
    return f"{socket.gethostname()} {spec.step} {slot}"


def static_membership(spec: ProcessSpec, slot: int) -> dict[str, str]:
    """Return the variable that makes the process a static member of its consumer group in Kafka, if it is permanent.

    The restart of a static member moves no partitions. Processes above the minimum leave the group when they end.
    """
    if spec.step == "api" or slot >= spec.replicas.minimum:
        return {}
    return {"INTEGRAHUB_KAFKA_INSTANCE": worker_name(spec, slot).replace(" ", "-")}


def build_environment(settings: Settings, role: DatabaseRole, url: str | None, port: int) -> dict[str, str]:
    """Return the environment of processes of a role: that of this process without other roles' secrets, and settings.

    `url` is that of an embedded database; None: the process reads DATABASE_URL itself, with the newest credentials.
    `port` is where the supervisor serves the metrics of all processes.
    """
    values = {
        "DATA_DIR": str(settings.data_dir.absolute()),
        "PORT": str(settings.port),
        "HOST": settings.host,
        "MIN_UPSERT_WORKERS": str(settings.min_upsert_workers),
        "MAX_UPSERT_WORKERS": str(max(settings.min_upsert_workers, settings.max_upsert_workers)),
        "MIN_API": str(settings.min_api),
        "MAX_API": str(settings.max_api),
        "PARENT_PID": str(os.getpid()),
        "FLEET_PORT": str(port),
        "PLAIN_HTTP": str(settings.plain_http).lower(),
    }
    values |= {"DATABASE_URL": url} if url else {}
    values |= {"PUBLIC_URL": settings.public_url} if settings.public_url else {}
    values |= _console_values(settings) if role is DatabaseRole.API else {}
    files = {"TLS_CERT": settings.tls_cert, "TLS_KEY": settings.tls_key}
    values |= {name: str(path.absolute()) for name, path in files.items() if path and role is DatabaseRole.API}
    inherited = {name: value for name, value in os.environ.items() if _setting_name(name) not in _WITHHELD[role]}
    return inherited | {f"INTEGRAHUB_{name}": value for name, value in values.items()}


def _console_values(settings: Settings) -> dict[str, str]:
    url = settings.console_database_url
    return ({"CONSOLE": "true"} if settings.console else {}) | ({"CONSOLE_DATABASE_URL": url} if url else {})


def _setting_name(variable: str) -> str:
    # Names of settings are case-insensitive and may lack the prefix.
    return variable.upper().removeprefix("INTEGRAHUB_")
