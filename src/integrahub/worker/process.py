"""The loop of a worker: receive, run the step, settle; drains on SIGTERM and SIGINT."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID, uuid4

import msgspec
import structlog
import uvloop

from integrahub.bus.base import Delivery
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, SMALL_BATCHES_PER_TRANSACTION, UPSERT_CONCURRENCY
from integrahub.domain.errors import IntegraHubError, Transient
from integrahub.domain.events import BATCHES_RECEIVED, BATCHES_UPSERTED, CHUNKS_FAILED, CHUNKS_READY, MESSAGES_DEAD
from integrahub.domain.failures import cause_of, failure_of
from integrahub.hub.hub import Hub, open_hub
from integrahub.settings.model import Settings
from integrahub.telemetry import probe_server as probes
from integrahub.telemetry import tracing as traces
from integrahub.telemetry.metrics.registry import ERRORS
from integrahub.telemetry.probe_server import Probes
from integrahub.telemetry.setup import telemetry_for
from integrahub.worker.dead_letter import publish_dead_letter
from integrahub.worker.delivery_limit import DeliveryLimit

Step = Callable[[bytes], Awaitable[None]]
_STEP_OF = {
    BATCHES_RECEIVED: "split",
    CHUNKS_READY: "upsert",
    BATCHES_UPSERTED: "finish",
    CHUNKS_FAILED: "failures",
    MESSAGES_DEAD: "failures",
}
_PATIENCE = 1.0  # seconds a receive waits, so that a stop is noticed
_ROUND = 1.0  # seconds between sweeps
_RECONCILE = 30.0  # seconds between reconciliations
_RETAIN = 600.0  # seconds between looks at what is old
_ORPHANS = 6 * 3600.0  # seconds between comparisons of all objects with the rows that name them
_SETTLING = 120.0  # seconds after a start before the first of them
_CENSUS = 10.0  # seconds between counts of what dashboards ask
_PAUSE = 1.0  # seconds after a fault of what the step depends on
_STALLED = 600.0  # seconds without a turn after which a loop counts as stuck
_log = structlog.get_logger()


@dataclass(slots=True)
class LoopWatchdog:
    """When each loop of this process last turned, by a monotonic clock in seconds."""

    clock: Callable[[], float] = monotonic
    turned: dict[str, float] = field(default_factory=dict)

    def beat(self, loop: str) -> None:
        """The loop turns."""
        self.turned[loop] = self.clock()

    def problems(self) -> list[str]:
        """Loops that have not turned for long."""
        ages = {loop: self.clock() - at for loop, at in self.turned.items()}
        return [f"{loop} has not turned for {age:.0f} s" for loop, age in ages.items() if age > _STALLED]


async def consume(
    hub: Hub, topic: str, step: Step, stop: asyncio.Event, width: int, pulse: LoopWatchdog | None = None
) -> None:
    """Run `step` on each message of `topic`, `width` at once, until `stop`; what was received is finished first.

    While a breaker is open nothing is received: no work fails for want of what it depends on. The same while the
    step's fuse is blown.
    """
    running: set[asyncio.Task[None]] = set()
    strikes = DeliveryLimit()
    pulse = pulse or LoopWatchdog()
    while not stop.is_set():
        pulse.beat(topic)
        if wait := _pausing(hub, topic):
            await _pause(stop, wait)
            continue
        try:
            deliveries = await hub.bus.receive(topic, width - len(running), _PATIENCE)
        except IntegraHubError as error:
            _log.warning("the bus does not answer; consumption pauses", action="receive", error=str(error))
            await _pause(stop, _PAUSE)
            continue
        running |= {asyncio.create_task(_handle(hub, step, delivery, stop, strikes)) for delivery in deliveries}
        if len(running) >= width:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        running = {task for task in running if not task.done()}
    if running:
        await asyncio.wait(running)


def _pausing(hub: Hub, topic: str) -> float:
    """Seconds until work of a topic may be received."""
    fuse = hub.fuses.get(_STEP_OF[topic])
    return max(*(breaker.retry_after() for breaker in hub.breakers.values()), fuse.remaining() if fuse else 0.0)


async def _handle(hub: Hub, step: Step, delivery: Delivery, stop: asyncio.Event, strikes: DeliveryLimit) -> None:
    with traces.bind_trace(delivery.trace) if delivery.trace else nullcontext():
        try:
            if await _is_done(hub, step, delivery, strikes):
                await hub.bus.settle([delivery])
        except Transient as error:
            ERRORS.add(_STEP_OF[delivery.topic], cause_of(error))
            _log.warning("a dependency is away; the message comes again", action="handle", error=str(error))
            await _pause(stop, _PAUSE)


async def _is_done(hub: Hub, step: Step, delivery: Delivery, strikes: DeliveryLimit) -> bool:
    """Whether the message need not come again: it was worked on, or given up."""
    try:
        await step(delivery.body)
    except Transient:
        raise
    except Exception as error:
        # The database knows what is undone; sweep announces it again, also when the message is given up.
        return await _is_given_up(hub, delivery, error, strikes)
    strikes.forget(delivery.body)
    return True


async def _is_given_up(hub: Hub, delivery: Delivery, error: Exception, strikes: DeliveryLimit) -> bool:
    """At once when it cannot be read, else when its step failed by its own fault again and again."""
    unreadable = isinstance(error, msgspec.MsgspecError)
    ERRORS.add(_STEP_OF[delivery.topic], "message_unreadable" if unreadable else cause_of(error))
    if unreadable:
        _log.error("a message cannot be read", action="handle", topic=delivery.topic, error=str(error))
    else:
        _log.error("a step failed outside its own retries", action="handle", topic=delivery.topic, exc_info=error)
    # What tells of the dead is not given up for a fault: there is nowhere else to keep it.
    given_up = unreadable or (delivery.topic != MESSAGES_DEAD and strikes.is_out(delivery.body))
    if given_up:
        await publish_dead_letter(hub.bus, delivery, failure_of(error))
    return given_up


async def run_periodically(
    name: str, round_: Callable[[], Awaitable[None]], stop: asyncio.Event, interval: float, pulse: LoopWatchdog
) -> None:
    """Run rounds until `stop`; a round that fails is tried again."""
    while not stop.is_set():
        pulse.beat(name)
        try:
            await round_()
        except IntegraHubError as error:
            ERRORS.add("round", cause_of(error))
            _log.warning(f"a round of {name} failed", action="repeat", round=name, error=str(error))
        except Exception as error:
            ERRORS.add("round", cause_of(error))
            _log.error(f"a round of {name} failed", action="repeat", round=name, exc_info=error)
        await _pause(stop, interval)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def loops(
    hub: Hub, steps: list[str], stop: asyncio.Event, worker_id: UUID | None = None, pulse: LoopWatchdog | None = None
) -> list[Awaitable[None]]:
    """One loop a step, all under one worker's id."""
    known, pulse = worker_id or uuid4(), pulse or LoopWatchdog()
    made: dict[str, Callable[[], Awaitable[None]]] = {
        "split": lambda: consume(
            hub, BATCHES_RECEIVED, hub.split(known), stop, 2 * SMALL_BATCHES_PER_TRANSACTION, pulse
        ),
        "upsert": lambda: consume(
            hub, CHUNKS_READY, hub.upsert(known), stop, UPSERT_CONCURRENCY * CHUNKS_PER_TRANSACTION, pulse
        ),
        "finish": lambda: consume(hub, BATCHES_UPSERTED, hub.finish(), stop, 4, pulse),
        "failures": lambda: _failures(hub, stop, pulse),
        "sweep": lambda: _sweep(hub, stop, pulse),
        "reconcile": lambda: run_periodically("reconcile", hub.reconcile(), stop, _RECONCILE, pulse),
        "census": lambda: run_periodically("census", hub.census(), stop, _CENSUS, pulse),
    }
    return [made[step]() for step in steps]


async def _failures(hub: Hub, stop: asyncio.Event, pulse: LoopWatchdog) -> None:
    """Chunks that died, and messages that were given up."""
    chunks = consume(hub, CHUNKS_FAILED, hub.failures(), stop, 1, pulse)
    await asyncio.gather(chunks, consume(hub, MESSAGES_DEAD, hub.letters(), stop, 1, pulse))


async def _sweep(hub: Hub, stop: asyncio.Event, pulse: LoopWatchdog) -> None:
    """What is due now, and, now and then, what is old."""
    due = run_periodically("sweep", hub.sweep(), stop, _ROUND, pulse)
    old = run_periodically("retention", hub.retain(), stop, _RETAIN, pulse)
    await asyncio.gather(due, old, _orphans(hub, stop))


async def _orphans(hub: Hub, stop: asyncio.Event) -> None:
    """Listing all objects may take long: a start has better things to do, and the watchdog does not wait for it."""
    await _pause(stop, _SETTLING)
    await run_periodically("orphans", hub.orphans(), stop, _ORPHANS, LoopWatchdog())


async def work(settings: Settings, steps: list[str]) -> None:
    """Run the steps in this process until a signal asks it to stop; what was begun is ended first."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    place = probes.listening(settings.probe_fd, settings.probe_host, settings.probe_port)
    async with open_hub(settings, f"integrahub {','.join(steps)}", DatabaseRole.WORKER) as hub:
        worker_id, pulse = uuid4(), LoopWatchdog()
        async with hub.presence(worker_id, steps) as presence:
            gauges = hub.gauges()
            own = Probes(
                pulse.problems, lambda: _unready(hub, stop, presence.known), gauges, {"/counts": gauges.counts}
            )
            async with probes.serving(own, place):
                await asyncio.gather(*loops(hub, steps, stop, worker_id, pulse))


def _unready(hub: Hub, stop: asyncio.Event, known: asyncio.Event) -> list[str]:
    """Why the worker takes no work now."""
    told = hub.problems()
    if not known.is_set():
        told.append("the database does not know this worker yet")
    if stop.is_set():
        told.append("it is ending what it began")
    return told


def _collect_seldom() -> None:
    """Records make no cycles, yet are so many that looking for cycles took an eighth of an upsert worker's time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def run(settings: Settings, steps: list[str]) -> int:
    """The process of a worker: its exit code."""
    _collect_seldom()
    os.umask(settings.umask)
    with (
        telemetry_for(settings, "worker", ",".join(steps)),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(work(settings, steps))
    return 0
