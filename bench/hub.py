"""The hub that is measured: the real command on a temporary folder, and its PostgreSQL."""

import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from integrahub.client.client import Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub

FULL = {"X-Inova-Load-Type": "full", "Content-Type": "application/json"}
_LOOK = 0.05  # seconds between looks
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hub:
    """`admin` has the operator's key; `folder` is the data folder; `database` the URL of its PostgreSQL."""

    admin: Client
    folder: Path
    database: str

    def ready(self) -> None:
        """Bring table and write-ahead log to the same state before each thing that is timed."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) products")
            connection.execute("CHECKPOINT")


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Hub]:
    """A fresh embedded hub with two upsert workers."""
    password = secrets.token_urlsafe(32)
    asked = {**(settings or {}), "POSTGRES_PASSWORD": password}
    with (
        tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
        run_embedded_hub(Path(folder), settings=asked) as admin,
    ):
        yield Hub(admin, Path(folder) / "kept", database_of(Path(folder) / "kept", password))


def database_of(kept: Path, password: str) -> str:
    """The owner's URL of the PostgreSQL that serves a data folder."""
    parts = urlsplit((kept / "postgres" / "worker.url").read_text("utf-8"))
    return urlunsplit(parts._replace(netloc=f"integrahub:{quote(password, safe='')}@"))


def applied(admin: Client, cnpj: str, body: bytes, headers: Mapping[str, str] = FULL) -> Row:
    """Post a body and wait for the end of its batch, which must be a complete one."""
    batch_id = admin.post_body(iter([body]), {**headers, "Content-Length": str(len(body))}, cnpj).json()["batch_id"]
    batch = finished(admin, batch_id)
    assert batch["status"] == "COMPLETED", batch
    return batch


def finished(admin: Client, batch_id: str) -> Row:
    """The batch once it is final."""
    never = threading.Event()
    while True:
        batch: Row = admin.get(f"/v1/batches/{batch_id}")
        if batch["finished_at"]:
            return batch
        never.wait(_LOOK)


def seconds(batch: Row) -> float:
    """From the 202 to the end of the batch, both told by the hub's database."""
    received, ended = (datetime.fromisoformat(batch[name]) for name in ("received_at", "finished_at"))
    return (ended - received).total_seconds()
