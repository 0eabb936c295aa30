"""`python -m bench.hostile`: what bodies built to make the split slow cost, as ratios to an honest body of their size.

Each body is split by a process of its own, over a real PostgreSQL and real files: CPU seconds and peak memory.
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
_ROOM = 4 << 30  # bytes a body may have here


def _peak() -> int:
    """The most memory this process had since `_forget_peak`, in kB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def _taken_in(hub: Hub, name: str, size: int) -> BatchReceived:
    make, media_type = (BODIES[name], "application/json") if name in BODIES else (LINES[name], "application/x-ndjson")

    async def blocks() -> AsyncIterator[bytes]:
        for block in make(size):
            yield block

    ingest = hub.ingest()
    pharmacy = await pharmacies.find_or_create(hub.database, _CNPJ, "")
    envelope = IngestRequest(pharmacy["id"], _CNPJ, LoadType.FULL, media_type, "", str(uuid4()), None, monotonic())
    receipt = await ingest(envelope, Upload(blocks(), "", _ROOM))
    await ingest.close()
    return BatchReceived(receipt.batch_id, _CNPJ, "full", receipt.received_at)


async def _split(settings: Settings, name: str, size: int) -> None:
    """Split one body and print what it took and how it ended, as JSON."""
    async with open_hub(settings) as hub:
        event = await _taken_in(hub, name, size)
        _forget_peak()
        begun = process_time()
        await hub.split(uuid4())(msgspec.json.encode(event))
        taken = {"cpu": process_time() - begun, "peak": _peak()}
        async with hub.database.transaction() as connection:
            asked = "SELECT stage, coalesce(error_code, '') AS code, items_total FROM batches WHERE id = %s"
            row = await (await connection.execute(asked, [event.batch_id])).fetchone()
            await connection.execute("TRUNCATE batches, batch_chunks")
    assert row is not None
    print(json.dumps(taken | row))


def measure(url: str, folder: Path, name: str, size: int) -> dict[str, float]:
    """CPU seconds and peak kB of the split of one body, by a process of its own."""
    arguments = [sys.executable, "-m", "bench.hostile", "--one", name, "--megabytes", str(size // 1_000_000)]
    environment = os.environ | {"INTEGRAHUB_DATABASE_URL": url, "INTEGRAHUB_DATA_DIR": str(folder)}
    told = subprocess.run(arguments, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(told))


def main(size: int, only: list[str]) -> None:
    """Print each body's cost beside that of the honest one."""
    table = Table(title=f"splits of {size:,} bytes")
    for column in ("body", "records", "CPU s", "x honest", "peak MB", "x honest", "ends as"):
        table.add_column(column, justify="left" if column in ("body", "ends as") else "right")
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as place:
        Path(place).chmod(0o711)
        engine = EmbeddedPostgres(Path(place) / "postgres")
        url = asyncio.run(engine.start())
        try:
            asyncio.run(migrate(url))
            for kind in (BODIES, LINES):
                honest = measure(url, Path(place), next(iter(kind)), size)
                for name in kind if not only else [name for name in only if name in kind]:
                    found = measure(url, Path(place), name, size)
                    cost = [f"{found['cpu']:.2f}", f"{found['cpu'] / honest['cpu']:.2f}"]
                    cost += [f"{found['peak'] / 1000:.0f}", f"{found['peak'] / honest['peak']:.2f}"]
                    table.add_row(name, str(found["items_total"]), *cost, str(found["code"] or found["stage"]))
        finally:
            asyncio.run(engine.stop())
    _OUT.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--one", help="split this body here, over DATABASE_URL (the bench starts itself so)")
    parser.add_argument("only", nargs="*", help="bodies to measure (all)")
    arguments = parser.parse_args()
    if arguments.one:
        asyncio.run(_split(Settings(log_level="ERROR"), arguments.one, arguments.megabytes * 1_000_000))
    else:
        main(arguments.megabytes * 1_000_000, arguments.only)
