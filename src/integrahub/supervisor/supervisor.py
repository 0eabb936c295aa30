"""The supervisor: groups of processes, looked at, scaled, restarted one by one on SIGHUP, drained in the end."""

import asyncio
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

import httpx
import structlog

from integrahub.db.monitoring import backlog, workers
from integrahub.db.tenancy import DatabaseRole as Login
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, UPSERT_CONCURRENCY
from integrahub.domain.errors import IntegraHubError
from integrahub.domain.events import CHUNKS_READY
from integrahub.hub.hub import Hub
from integrahub.supervisor.api_usage import ApiUsage
from integrahub.supervisor.autoscaler import ApiScaling, StabilizationWindow, UpsertLoad, UpsertScaling
from integrahub.supervisor.managed_process import ManagedProcess, ProcessState
from integrahub.supervisor.metrics_aggregator import MetricsAggregator
from integrahub.supervisor.process_group import ProcessGroup
from integrahub.supervisor.process_specs import ProcessSpec, environment_of, name_of, roles, static_membership
from integrahub.telemetry.probe_server import Answer, Probes, as_json

DRAIN = 25.0  # seconds a process may take to end what it began when all stop
_LOOK = 1.0  # seconds between looks at each process
_log = structlog.get_logger()


class Supervisor:
    """Keeps the processes of `hub.settings` alive; `shared` is the API's listening socket, `url_of` gives our database
    as processes of a login reach it, None where they find it by themselves; `port` is the fleet's own."""

    def __init__(self, hub: Hub, shared: socket.socket, port: int, url_of: Callable[[Login], str | None]) -> None:
        self._hub = hub
        self._shared = shared
        self._environments = {login: environment_of(hub.settings, login, url_of(login), port) for login in Login}
        self.groups = {role.step: ProcessGroup(role.step, role.span, self._maker(role)) for role in roles(hub.settings)}
        self._upserts, self._apis = self._scalings()
        self._totals, self._usage = (
            MetricsAggregator(hub.metrics_scrape(), hub.settings.data_dir),
            ApiUsage(hub.settings.api_memory),
        )
        self._seen: dict[str, Any] = {}
        self._rolling = asyncio.Lock()
        for group in self.groups.values():
            group.resize(group.span.minimum)

    def _scalings(self) -> tuple[UpsertScaling, ApiScaling]:
        asked = self._hub.settings
        upserts = UpsertScaling(
            self.groups["upsert"].span,
            add_over=asked.scale_add_over,
            remove_under=asked.scale_remove_under,
            drain=asked.scale_drain_seconds,
            held=UPSERT_CONCURRENCY * CHUNKS_PER_TRANSACTION,
            calm=StabilizationWindow(remove_pause=asked.scale_pause),
        )
        calm = StabilizationWindow(remove_pause=asked.scale_pause)
        return upserts, ApiScaling(self.groups["api"].span, asked.api_add_over, asked.api_remove_under, calm)

    def _maker(self, role: ProcessSpec) -> Any:
        shared, environment = self._shared if role.step == "api" else None, self._environments[role.login]

        async def fell() -> None:
            try:
                await workers.count_restart(self._hub.database, role.step)
            except IntegraHubError as error:
                _log.warning("a restart could not be counted", action="count_restart", error=str(error))

        def make(slot: int) -> ManagedProcess:
            own = environment | static_membership(role, slot)
            return ManagedProcess(name_of(role, slot), list(role.arguments), own, fell, shared=shared)

        return make

    async def run(self, stop: asyncio.Event, again: asyncio.Event) -> None:
        """Until `stop`; each time `again` is set, restart every process in turn."""
        # Processes of this machine: no proxy of the environment, no certificates.
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            rounds = [self._watch(http), self._scale(http), self._roll(again)]
            tasks = [asyncio.create_task(round_) for round_ in rounds]
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in [stopped, *tasks]:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await self._totals.look(self._everyone(), http)
            await asyncio.gather(*(group.end(DRAIN) for group in self.groups.values()))
            self._totals.keep()
        for fault in ended:
            if isinstance(fault, Exception):
                raise fault

    async def _watch(self, http: httpx.AsyncClient) -> None:
        while True:
            await asyncio.gather(*(child.look(http) for child in self._everyone()))
            await self._totals.glance(self._everyone(), http)
            await asyncio.sleep(min(_LOOK, 0.2) if any(self._starting()) else _LOOK)

    def _starting(self) -> list[ManagedProcess]:
        return [child for child in self._everyone() if child.state is ProcessState.STARTING]

    def _everyone(self) -> list[ManagedProcess]:
        return [child for group in self.groups.values() for child in group.everyone()]

    async def _roll(self, again: asyncio.Event) -> None:
        while True:
            await again.wait()
            again.clear()
            async with self._rolling:
                for group in self.groups.values():
                    await group.roll()
                _log.info("every process was restarted", action="rolled")

    async def _scale(self, http: httpx.AsyncClient) -> None:
        while True:
            await asyncio.sleep(self._hub.settings.scale_check_interval)
            if self._rolling.locked():
                continue
            try:
                await self._scale_upserts(http)
            except IntegraHubError as error:
                _log.warning("the backlog cannot be seen; nothing is scaled", action="scale", error=str(error))
            self._scale_apis()

    async def _scale_upserts(self, http: httpx.AsyncClient) -> None:
        group = self.groups["upsert"]
        waiting, lag = await backlog.by_step(self._hub.database), await self._hub.bus.lag(CHUNKS_READY)
        applied = await self._totals.applied(self._everyone(), http)
        look = UpsertLoad(monotonic(), group.count, waiting["upsert"], lag, applied)
        wanted = self._upserts.decide(look)
        _log.debug("the backlog was looked at", action="look", backlog=look.backlog, lag=lag, applied=applied)
        self._seen |= {"backlog": waiting, "lag": lag, "applied": applied, "drain": self._upserts.drain_seconds(look)}
        self._resize(group, wanted, backlog=look.backlog, lag=lag, applied=applied)

    def _scale_apis(self) -> None:
        group = self.groups["api"]
        usage = self._usage.look([child.process.pid for child in group.children.values() if child.process])
        if usage is None or usage.instances != group.count:
            return
        self._seen |= {"api_cpu": round(usage.cpu, 3), "api_memory": round(usage.memory, 3)}
        self._resize(group, self._apis.decide(usage), cpu=round(usage.cpu, 2), memory=round(usage.memory, 2))

    def _resize(self, group: ProcessGroup, wanted: int, **why: float) -> None:
        if wanted != group.count:
            _log.info("the fleet is scaled", action="scale", step=group.step, before=group.count, now=wanted, **why)
            group.resize(wanted)

    def problems(self) -> list[str]:
        """Places that are not as they should be, each in a sentence."""
        bad = [child for child in self._everyone() if child.state not in (ProcessState.READY, ProcessState.DRAINING)]
        return [f"{child.name} is {child.state}: {'; '.join(child.problems)}" for child in bad]

    async def serving(self) -> None:
        """Once the first API is ready."""
        await self.groups["api"].children[0].ready.wait()

    def probes(self) -> Probes:
        """The fleet's own: /status tells every process."""
        return Probes(list, self.problems, self._totals.told, {"/status": self._status})

    async def _status(self) -> Answer:
        places = [{"step": group.step} | child.told() for group in self.groups.values() for child in group.everyone()]
        counts = {
            group.step: {"now": group.count, "min": group.span.minimum, "max": group.span.maximum}
            for group in self.groups.values()
        }
        return as_json({"workers": places, "counts": counts, "seen": self._seen})
