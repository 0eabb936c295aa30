"""Which processes a fleet has, how many of each, and what each is started with."""

import os
import socket
from dataclasses import dataclass

from integrahub.db.tenancy import DatabaseRole as Login
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from integrahub.supervisor.autoscaler import ReplicaRange

# Light steps that share one process.
REST = ",".join(step for step in STEPS if step not in ("split", "upsert"))


# What a process of a login never needs: others of the same account may read its environment (/proc/PID/environ).
_WITHHELD = {
    Login.API: frozenset({"KEY", "POSTGRES_PASSWORD"}),
    Login.WORKER: frozenset({"KEY", "POSTGRES_PASSWORD", "ADMIN_API_KEY", "KEY_PEPPER", "VALID_API_KEYS"}),
}


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`step` as metrics name it, the command's `arguments`, how many, and what they are in PostgreSQL."""

    step: str
    arguments: tuple[str, ...]
    span: ReplicaRange
    login: Login = Login.WORKER


def roles(settings: Settings) -> list[ProcessSpec]:
    """The API, one that splits, the upsert workers, and one for all that is left."""
    upserts = ReplicaRange(settings.min_upsert_workers, max(settings.min_upsert_workers, settings.max_upsert_workers))
    return [
        ProcessSpec(
            "api", ("api",), ReplicaRange(settings.min_api, max(settings.min_api, settings.max_api)), Login.API
        ),
        ProcessSpec("split", ("work", "split"), ReplicaRange(1, 1)),
        ProcessSpec("upsert", ("work", "upsert"), upserts),
        ProcessSpec("finish", ("work", REST), ReplicaRange(1, 1)),
    ]


def light(settings: Settings) -> Settings:
    """The embedded hub stays small: one API and the least of workers, unless a maximum was asked for."""
    given = settings.model_fields_set
    fewest_api = settings.min_api if "min_api" in given else 1
    most_api = settings.max_api if "max_api" in given else fewest_api
    most = settings.max_upsert_workers if "max_upsert_workers" in given else settings.min_upsert_workers
    return settings.model_copy(update={"min_api": fewest_api, "max_api": most_api, "max_upsert_workers": most})


def name_of(role: ProcessSpec, slot: int) -> str:
    """The name of one place: stable over restarts, and of this machine."""
    return f"{socket.gethostname()} {role.step} {slot}"


def static_membership(role: ProcessSpec, slot: int) -> dict[str, str]:
    """The fewest of a role come back under the same name, so that their restart moves no partitions of Kafka; those
    added for a while leave at once when they go."""
    if role.step == "api" or slot >= role.span.minimum:
        return {}
    return {"INTEGRAHUB_KAFKA_INSTANCE": name_of(role, slot).replace(" ", "-")}


def environment_of(settings: Settings, login: Login, url: str | None, port: int) -> dict[str, str]:
    """Return what a process is started with: the environment, less the secrets of other roles, and what was decided.

    `url` is of a database of our own; any other the process finds by itself, with the newest credentials. `port` is
    where the fleet tells the counts of all.
    """
    given = {
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
    given |= {"DATABASE_URL": url} if url else {}
    files = {"TLS_CERT": settings.tls_cert, "TLS_KEY": settings.tls_key}
    given |= {name: str(path.absolute()) for name, path in files.items() if path and login is Login.API}
    kept = {name: value for name, value in os.environ.items() if _plain(name) not in _WITHHELD[login]}
    return kept | {f"INTEGRAHUB_{name}": value for name, value in given.items()}


def _plain(variable: str) -> str:
    """Return the setting a variable gives; settings are found whatever the case of their letters."""
    return variable.upper().removeprefix("INTEGRAHUB_")
