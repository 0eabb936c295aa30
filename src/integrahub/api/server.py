"""The process of the API: serves until a signal, then ends what it began."""

import asyncio

import uvicorn
import uvloop

from integrahub.api.app import create
from integrahub.db.roles import Role
from integrahub.hub import open_hub
from integrahub.settings import Settings
from integrahub.telemetry import logs

_DRAIN = 20  # seconds requests under way may take to end


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with open_hub(settings, "integrahub api", Role.API) as hub:
        ingest = hub.ingest()
        config = uvicorn.Config(
            create(hub, ingest),
            host=settings.host,
            port=settings.port,
            ws="none",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_DRAIN,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            server_header=False,
        )
        await uvicorn.Server(config).serve()
        await ingest.close()


def run(settings: Settings) -> int:
    """The API as a process: its exit code."""
    logs.configure(settings.log_level, settings.log_format)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return 0
