"""Hub under measurement: the real command on a temporary folder, with access to its PostgreSQL."""

import secrets
import sys
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

from integrahub.client import Client
from integrahub.tools.devservices.embedded_hub import run_embedded_hub

FULL = {"X-Inova-Load-Type": "full", "Content-Type": "application/json"}
_POLL_INTERVAL_SECONDS = 0.05
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hub:
    """`admin` uses the operator's key, `folder` is the data folder, `database` the URL of its PostgreSQL."""

    admin: Client
    folder: Path
    database: str

    def reset_state(self) -> None:
        """Bring table and write-ahead log to the same state before each measurement."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) products")
            connection.execute("CHECKPOINT")

    def create_key(self) -> str:
        """Return a new key for all pharmacies, without a rate limit."""
        return str(self.admin.call("POST", "/admin/keys", json={"cnpjs": "all", "rate_limit": "off"})["api_key"])


@contextmanager
def running_hub(settings: Mapping[str, str] | None = None, python: str = sys.executable) -> Iterator[Hub]:
    """Run a new embedded hub until the block ends, with the interpreter `python`."""
    password = secrets.token_urlsafe(32)
    environment = {**(settings or {}), "POSTGRES_PASSWORD": password}
    with (
        tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder,
        run_embedded_hub(Path(folder), settings=environment, python=python) as admin,
    ):
        yield Hub(admin, Path(folder) / "kept", owner_url(Path(folder) / "kept", password))


def owner_url(data_dir: Path, password: str) -> str:
    """Return the database owner's URL of the PostgreSQL in a data folder."""
    parts = urlsplit((data_dir / "postgres" / "worker.url").read_text("utf-8"))
    return urlunsplit(parts._replace(netloc=f"integrahub:{quote(password, safe='')}@"))


def apply_full(admin: Client, cnpj: str, body: bytes, headers: Mapping[str, str] = FULL) -> Row:
    """Post a body and wait for its batch, which must end as COMPLETED."""
    batch_id = admin.post_body(iter([body]), {**headers, "Content-Length": str(len(body))}, cnpj).json()["batch_id"]
    batch = wait_until_final(admin, batch_id)
    assert batch["status"] == "COMPLETED", batch
    return batch


def wait_until_final(admin: Client, batch_id: str) -> Row:
    """Return the batch when it is final."""
    pause = threading.Event()
    while True:
        batch: Row = admin.get(f"/v1/batches/{batch_id}")
        if batch["finished_at"]:
            return batch
        pause.wait(_POLL_INTERVAL_SECONDS)


def processing_seconds(batch: Row) -> float:
    """Return the seconds from the 202 to the final batch, by the clock of the hub's database."""
    received, final = (datetime.fromisoformat(batch[name]) for name in ("received_at", "finished_at"))
    return (final - received).total_seconds()
