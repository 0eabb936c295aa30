"""Hub process that may kill itself: `python -m tests.crash.process api,split,...`, point in the environment."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from uuid import uuid4

import uvicorn

from integrahub.api.app import create_app
from integrahub.db.monitoring import workers
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.hub import Hub
from integrahub.pipeline.split import fast_path
from integrahub.settings.model import Settings
from integrahub.telemetry import logs
from integrahub.worker.process import build_loops
from tests.crash.crash_points import Points, WatchedBus, WatchedDatabase, WatchedStorage


async def _serve(hub: Hub, stop: asyncio.Event) -> None:
    ingest = hub.ingest()
    config = uvicorn.Config(create_app(hub, ingest), port=hub.settings.port, ws="none", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    await stop.wait()
    server.should_exit = True
    await serving
    await ingest.close()


async def main(steps: list[str]) -> None:
    """Run the steps until SIGTERM, or until a point kills this process."""
    settings = Settings()
    fast_path.MIN_FULLS_PER_TRANSACTION = 1  # type: ignore[attr-defined]
    logs.configure("INFO", "json")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    points = Points(os.environ.get("CRASH_AT", ""), os.environ.get("CRASH_RECORD", ""))
    async with open_hub(settings) as hub:
        watched = replace(
            hub,
            database=WatchedDatabase(hub.database, points),  # type: ignore[arg-type]
            storage=WatchedStorage(hub.storage, points),
            bus=WatchedBus(hub.bus, points),
        )
        worker_id = uuid4()
        await workers.register(hub.database, settings.worker_name or "", worker_id, steps, os.getpid())
        running = build_loops(watched, [step for step in steps if step != "api"], stop, worker_id)
        await asyncio.gather(*running, *([_serve(watched, stop)] if "api" in steps else []))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1].split(",")))
