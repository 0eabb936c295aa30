"""Worker process: signals, probes and one loop per step."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import uvloop

from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, SMALL_BATCHES_PER_TRANSACTION, UPSERT_CONCURRENCY
from integrahub.domain.events import (
    BATCHES_FINISHED,
    BATCHES_RECEIVED,
    BATCHES_UPSERTED,
    CHUNKS_FAILED,
    CHUNKS_READY,
    MESSAGES_DEAD,
)
from integrahub.domain.steps import NOTIFY
from integrahub.hub.bootstrap import open_hub
from integrahub.hub.hub import Hub
from integrahub.operations.bulk import RUN_SECONDS
from integrahub.settings.model import Settings
from integrahub.telemetry import probe_server
from integrahub.telemetry.probe_server import Probes
from integrahub.telemetry.setup import telemetry_for
from integrahub.worker.consumer import consume
from integrahub.worker.periodic import run_periodically
from integrahub.worker.sending import send_due
from integrahub.worker.stop import sleep_until_stop
from integrahub.worker.watchdog import LoopWatchdog

# Messages that the loop of a step processes at the same time. For the split: two full groups of the fast path.
_SPLIT_MESSAGES_IN_FLIGHT = 2 * SMALL_BATCHES_PER_TRANSACTION
_UPSERT_MESSAGES_IN_FLIGHT = UPSERT_CONCURRENCY * CHUNKS_PER_TRANSACTION
_FINISH_MESSAGES_IN_FLIGHT = 4
_NOTIFY_MESSAGES_IN_FLIGHT = 16
# Intervals of the periodic tasks.
_SWEEP_SECONDS = 1.0
_RECONCILE_SECONDS = 30.0
_RETENTION_SECONDS = 600.0
_ORPHANS_SECONDS = 6 * 3600.0
_ORPHANS_START_DELAY_SECONDS = 120.0
_STATISTICS_SECONDS = 10.0
_NOTICES_SECONDS = 60.0


def build_loops(
    hub: Hub, steps: list[str], stop: asyncio.Event, worker_id: UUID | None = None, watchdog: LoopWatchdog | None = None
) -> list[Awaitable[None]]:
    """Return one loop per step, to be awaited together."""
    worker, dog = worker_id or uuid4(), watchdog or LoopWatchdog()
    builders: dict[str, Callable[[], Awaitable[None]]] = {
        "split": lambda: consume(hub, BATCHES_RECEIVED, hub.split(worker), stop, _SPLIT_MESSAGES_IN_FLIGHT, dog),
        "upsert": lambda: consume(hub, CHUNKS_READY, hub.upsert(worker), stop, _UPSERT_MESSAGES_IN_FLIGHT, dog),
        "finish": lambda: consume(hub, BATCHES_UPSERTED, hub.finish(), stop, _FINISH_MESSAGES_IN_FLIGHT, dog),
        "failures": lambda: _consume_failures(hub, stop, dog),
        NOTIFY: lambda: _notify(hub, worker, stop, dog),
        "sweep": lambda: _run_maintenance(hub, stop, dog),
        "reconcile": lambda: run_periodically("reconcile", hub.reconciliation(), stop, _RECONCILE_SECONDS, dog),
        "statistics": lambda: run_periodically("statistics", hub.statistics(), stop, _STATISTICS_SECONDS, dog),
    }
    return [*(builders[step]() for step in steps), _end_waits(hub, stop)]


async def _end_waits(hub: Hub, stop: asyncio.Event) -> None:
    """End the waits of consumers for messages as soon as the worker stops."""
    await stop.wait()
    hub.bus.stop_waiting()


async def _consume_failures(hub: Hub, stop: asyncio.Event, watchdog: LoopWatchdog) -> None:
    """Consume failed chunks and dead-lettered messages."""
    chunks = consume(hub, CHUNKS_FAILED, hub.failures(), stop, 1, watchdog)
    await asyncio.gather(chunks, consume(hub, MESSAGES_DEAD, hub.dead_letters(), stop, 1, watchdog))


async def _notify(hub: Hub, worker_id: UUID, stop: asyncio.Event, watchdog: LoopWatchdog) -> None:
    """Send webhooks that are due; a finished batch wakes the loop. Look for events that no batch causes."""
    notify = hub.notify(worker_id)
    await asyncio.gather(
        consume(hub, BATCHES_FINISHED, notify, stop, _NOTIFY_MESSAGES_IN_FLIGHT, watchdog),
        send_due(notify, stop, watchdog),
        run_periodically("notices", hub.notices(), stop, _NOTICES_SECONDS, watchdog),
    )


async def _run_maintenance(hub: Hub, stop: asyncio.Event, watchdog: LoopWatchdog) -> None:
    """Run the sweep, bulk operations, retention and removal of orphaned objects, each at its own interval.

    Refusals and the partitions of the record of changes do not wait for the retention of objects, whose storage may
    be down.
    """
    sweep = run_periodically("sweep", hub.sweep(), stop, _SWEEP_SECONDS, watchdog)
    bulk = run_periodically("bulk", hub.bulk_replays(), stop, RUN_SECONDS, watchdog)
    retention = run_periodically("retention", hub.retention(), stop, _RETENTION_SECONDS, watchdog)
    refusals = run_periodically("refusals", hub.refusal_retention(), stop, _RETENTION_SECONDS, watchdog)
    partitions = run_periodically("partitions", hub.change_partitions(), stop, _RETENTION_SECONDS, watchdog)
    await asyncio.gather(sweep, bulk, retention, refusals, partitions, _remove_orphans(hub, stop))


async def _remove_orphans(hub: Hub, stop: asyncio.Event) -> None:
    # A listing of all objects may take longer than the watchdog allows, and must not slow the start down.
    await sleep_until_stop(stop, _ORPHANS_START_DELAY_SECONDS)
    await run_periodically("orphans", hub.orphans(), stop, _ORPHANS_SECONDS, LoopWatchdog())


async def work(settings: Settings, steps: list[str]) -> None:
    """Run the steps in this process until SIGTERM or SIGINT, then finish the messages already received."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listener = probe_server.open_probe_socket(settings.probe_fd, settings.probe_host, settings.probe_port)
    role = DatabaseRole.NOTIFY if steps == [NOTIFY] else DatabaseRole.WORKER
    async with open_hub(settings, f"integrahub {','.join(steps)}", role) as hub:
        worker_id, watchdog = uuid4(), LoopWatchdog()
        async with hub.heartbeat(worker_id, steps) as heartbeat:
            scrape = hub.metrics_scrape()
            probes = Probes(
                watchdog.stuck, lambda: _unready(hub, stop, heartbeat.registered), scrape, {"/counts": scrape.counts}
            )
            async with probe_server.serve_probes(probes, listener):
                await asyncio.gather(*build_loops(hub, steps, stop, worker_id, watchdog))


def _unready(hub: Hub, stop: asyncio.Event, registered: asyncio.Event) -> list[str]:
    """Return the reasons why this worker accepts no work now."""
    reasons = hub.problems()
    if not registered.is_set():
        reasons.append("not yet registered in the database")
    if stop.is_set():
        reasons.append("draining")
    return reasons


def _raise_gc_thresholds() -> None:
    # Records contain no reference cycles, but at the default thresholds the cycle collector took an eighth of the time
    # of an upsert worker.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def run(settings: Settings, steps: list[str]) -> int:
    """Run a worker process to its end and return its exit code."""
    _raise_gc_thresholds()
    os.umask(settings.umask)
    with (
        telemetry_for(settings, "worker", ",".join(steps)),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(work(settings, steps))
    return 0
