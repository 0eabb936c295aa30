"""`python -m bench.hostile`: cost of bodies built to slow the split, as ratios to an honest body of their size.

Each body is split in its own process, on a real PostgreSQL and real files. The table shows CPU seconds and peak memory.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic, process_time
from uuid import uuid4

import msgspec
from rich.console import Console
from rich.table import Table

from bench.hostile_bodies import BODIES, LINES
from integrahub.db.accounts import pharmacies
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.schema.migrate import migrate
from integrahub.domain.batches import LoadType
from integrahub.domain.events import BatchReceived
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.hub import Hub
from integrahub.pipeline.ingest.step import IngestRequest
from integrahub.pipeline.ingest.upload import Upload
from integrahub.settings.model import Settings

_OUT = Console()
_CNPJ = "05927228000145"
_MAX_BODY_BYTES = 4 << 30


def _peak() -> int:
    """Return the peak memory of this process since `_reset_peak`, in kB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def _ingest(hub: Hub, name: str, size: int) -> BatchReceived:
    make, media_type = (BODIES[name], "application/json") if name in BODIES else (LINES[name], "application/x-ndjson")

    async def blocks() -> AsyncIterator[bytes]:
        for block in make(size):
            yield block

    ingest = hub.ingest()
    pharmacy = await pharmacies.find_or_create(hub.database, _CNPJ, "")
    envelope = IngestRequest(pharmacy.id, _CNPJ, LoadType.FULL, media_type, "", str(uuid4()), None, monotonic())
    receipt = await ingest(envelope, Upload(blocks(), "", _MAX_BODY_BYTES))
    await ingest.close()
    return BatchReceived(receipt.batch_id, _CNPJ, "full", receipt.received_at)


async def _split(settings: Settings, name: str, size: int) -> None:
    """Split one body and print its cost and its final state as JSON."""
    async with open_hub(settings) as hub:
        event = await _ingest(hub, name, size)
        _reset_peak()
        started = process_time()
        await hub.split(uuid4())(msgspec.json.encode(event))
        cost = {"cpu": process_time() - started, "peak": _peak()}
        async with hub.database.transaction() as connection:
            statement = "SELECT stage, coalesce(error_code, '') AS code, items_total FROM batches WHERE id = %s"
            row = await (await connection.execute(statement, [event.batch_id])).fetchone()
            await connection.execute("TRUNCATE batches, batch_chunks")
    assert row is not None
    print(json.dumps(cost | row))


def measure(url: str, folder: Path, name: str, size: int) -> dict[str, float]:
    """Split one body in a new process; return its CPU seconds and peak kB."""
    arguments = [sys.executable, "-m", "bench.hostile", "--one", name, "--megabytes", str(size // 1_000_000)]
    environment = os.environ | {"INTEGRAHUB_DATABASE_URL": url, "INTEGRAHUB_DATA_DIR": str(folder)}
    output = subprocess.run(arguments, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output))


def main(size: int, only: list[str]) -> None:
    """Print the cost of each body and its ratio to the honest one."""
    table = Table(title=f"splits of {size:,} bytes")
    for column in ("body", "records", "CPU s", "x honest", "peak MB", "x honest", "ends as"):
        table.add_column(column, justify="left" if column in ("body", "ends as") else "right")
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as root:
        Path(root).chmod(0o711)
        engine = EmbeddedPostgres(Path(root) / "postgres")
        url = asyncio.run(engine.start())
        try:
            asyncio.run(migrate(url))
            for kind in (BODIES, LINES):
                honest = measure(url, Path(root), next(iter(kind)), size)
                for name in kind if not only else [name for name in only if name in kind]:
                    cost_of = measure(url, Path(root), name, size)
                    cost = [f"{cost_of['cpu']:.2f}", f"{cost_of['cpu'] / honest['cpu']:.2f}"]
                    cost += [f"{cost_of['peak'] / 1000:.0f}", f"{cost_of['peak'] / honest['peak']:.2f}"]
                    table.add_row(name, str(cost_of["items_total"]), *cost, str(cost_of["code"] or cost_of["stage"]))
        finally:
            asyncio.run(engine.stop())
    _OUT.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--one", help="split this body here, over DATABASE_URL (used by the benchmark itself)")
    parser.add_argument("only", nargs="*", help="bodies to measure (all)")
    arguments = parser.parse_args()
    if arguments.one:
        asyncio.run(_split(Settings(log_level="ERROR"), arguments.one, arguments.megabytes * 1_000_000))
    else:
        main(arguments.megabytes * 1_000_000, arguments.only)
