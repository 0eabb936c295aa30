"""Loop of the notify step: start the webhooks that are due, wait, start again."""

import asyncio

import structlog

from integrahub.domain.errors import IntegraHubError
from integrahub.domain.failures import classify_error
from integrahub.domain.steps import NOTIFY
from integrahub.pipeline.notify.step import Notify
from integrahub.telemetry.metrics.pipeline import ERRORS
from integrahub.worker.stop import sleep_until_stop
from integrahub.worker.watchdog import LoopWatchdog

_POLL_SECONDS = 0.5  # until the loop looks again without being woken
_MIN_PAUSE_SECONDS = 0.02  # so that one statement claims what becomes due together
_OUTAGE_PAUSE_SECONDS = 1.0
_log = structlog.get_logger()


async def send_due(notify: Notify, stop: asyncio.Event, watchdog: LoopWatchdog) -> None:
    """Send webhooks until `stop`, then finish the attempts in flight."""
    while not stop.is_set():
        watchdog.beat(NOTIFY)
        try:
            await notify.start_due()
        except IntegraHubError as error:
            ERRORS.add(NOTIFY, classify_error(error))
            _log.warning("cannot claim webhooks", action="notify", error=str(error))
            await sleep_until_stop(stop, _OUTAGE_PAUSE_SECONDS)
        except Exception as error:
            ERRORS.add(NOTIFY, classify_error(error))
            _log.error("cannot claim webhooks", action="notify", exc_info=error)
            await sleep_until_stop(stop, _OUTAGE_PAUSE_SECONDS)
        await asyncio.sleep(_MIN_PAUSE_SECONDS)
        await notify.wait_until_due(_POLL_SECONDS)
    await notify.finish()
