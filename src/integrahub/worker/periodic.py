"""Periodic tasks of a worker: run, log failures, sleep, run again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from integrahub.domain.errors import IntegraHubError
from integrahub.domain.failures import classify_error
from integrahub.telemetry.metrics.pipeline import ERRORS
from integrahub.worker.stop import sleep_until_stop
from integrahub.worker.watchdog import LoopWatchdog

_log = structlog.get_logger()


async def run_periodically(
    name: str, task: Callable[[], Awaitable[None]], stop: asyncio.Event, interval: float, watchdog: LoopWatchdog
) -> None:
    """Run `task` every `interval` seconds until `stop`. A failed run is logged and retried at the next interval."""
    while not stop.is_set():
        watchdog.beat(name)
        try:
            await task()
        except IntegraHubError as error:
            ERRORS.add("periodic", classify_error(error))
            _log.warning("periodic task failed", action="run_periodically", task=name, error=str(error))
        except Exception as error:
            ERRORS.add("periodic", classify_error(error))
            _log.error("periodic task failed", action="run_periodically", task=name, exc_info=error)
        await sleep_until_stop(stop, interval)
