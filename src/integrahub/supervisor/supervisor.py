"""Supervisor of a machine's processes: probe, scale, restart one by one on SIGHUP, drain at the end."""

import asyncio
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

import httpx2
import structlog

from integrahub.db.monitoring import backlog, workers
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, UPSERT_CONCURRENCY
from integrahub.domain.errors import IntegraHubError
from integrahub.domain.events import CHUNKS_READY
from integrahub.hub.hub import Hub
from integrahub.supervisor.api_usage import ApiUsage
from integrahub.supervisor.autoscaler import ApiScaling, StabilizationWindow, UpsertLoad, UpsertScaling
from integrahub.supervisor.managed_process import ManagedProcess, ProcessState
from integrahub.supervisor.metrics_aggregator import MetricsAggregator
from integrahub.supervisor.process_group import ProcessGroup
from integrahub.supervisor.process_specs import (
    ProcessSpec,
    build_environment,
    list_process_specs,
    static_membership,
    worker_name,
)
from integrahub.telemetry.probe_server import ProbeResponse, Probes, json_response

PROCESS_DRAIN_TIMEOUT_SECONDS = 25.0
_PROBE_INTERVAL_SECONDS = 1.0
_START_PROBE_INTERVAL_SECONDS = 0.2  # while a process starts
_log = structlog.get_logger()


class Supervisor:
    """Keeps the processes that `hub.settings` ask for running.

    `api_socket` is the listening socket of all API processes, `port` that of the supervisor's own probes. `url_of`
    returns the URL of the embedded database for a role, or None if the processes read DATABASE_URL themselves.
    """

    def __init__(
        self, hub: Hub, api_socket: socket.socket, port: int, url_of: Callable[[DatabaseRole], str | None]
    ) -> None:
        self._hub = hub
        self._api_socket = api_socket
        self._environments = {role: build_environment(hub.settings, role, url_of(role), port) for role in DatabaseRole}
        specs = list_process_specs(hub.settings)
        self.groups = {spec.step: ProcessGroup(spec.step, spec.replicas, self._starter(spec)) for spec in specs}
        self._upsert_scaling, self._api_scaling = self._build_scalings()
        self._metrics = MetricsAggregator(hub.metrics_scrape(), hub.settings.data_dir)
        self._api_usage = ApiUsage(hub.settings.api_memory)
        self._samples: dict[str, Any] = {}
        self._rolling = asyncio.Lock()
        for group in self.groups.values():
            group.resize(group.replicas.minimum)

    def _build_scalings(self) -> tuple[UpsertScaling, ApiScaling]:
        settings = self._hub.settings
        upserts = UpsertScaling(
            self.groups["upsert"].replicas,
            add_over=settings.scale_add_over,
            remove_under=settings.scale_remove_under,
            drain=settings.scale_drain_seconds,
            in_flight=UPSERT_CONCURRENCY * CHUNKS_PER_TRANSACTION,
            stabilization=StabilizationWindow(remove_cooldown=settings.scale_pause),
        )
        window = StabilizationWindow(remove_cooldown=settings.scale_pause)
        replicas = self.groups["api"].replicas
        return upserts, ApiScaling(replicas, settings.api_add_over, settings.api_remove_under, window)

    def _starter(self, spec: ProcessSpec) -> Callable[[int], ManagedProcess]:
        api_socket = self._api_socket if spec.step == "api" else None

        async def count_restart() -> None:
            try:
                await workers.count_restart(self._hub.database, spec.step)
            except IntegraHubError as error:
                _log.warning("cannot count a restart", action="count_restart", error=str(error))

        def start(slot: int) -> ManagedProcess:
            environment = self._environments[spec.role] | static_membership(spec, slot)
            name = worker_name(spec, slot)
            return ManagedProcess(name, list(spec.arguments), environment, count_restart, api_socket=api_socket)

        return start

    async def run(self, stop: asyncio.Event, restart: asyncio.Event) -> None:
        """Supervise until `stop`, then drain; restart every process in turn each time `restart` is set."""
        # The processes are local: no proxy, no certificates.
        async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
            loops = [self._probe_all(http), self._scale(http), self._roll(restart)]
            tasks = [asyncio.create_task(loop) for loop in loops]
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in [stopped, *tasks]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self._metrics.collect(self._list_all(), http)
            await asyncio.gather(*(group.end(PROCESS_DRAIN_TIMEOUT_SECONDS) for group in self.groups.values()))
            self._metrics.save()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _probe_all(self, http: httpx2.AsyncClient) -> None:
        while True:
            await asyncio.gather(*(process.probe(http) for process in self._list_all()))
            await self._metrics.collect_if_due(self._list_all(), http)
            is_starting = any(process.state is ProcessState.STARTING for process in self._list_all())
            await asyncio.sleep(_START_PROBE_INTERVAL_SECONDS if is_starting else _PROBE_INTERVAL_SECONDS)

    def _list_all(self) -> list[ManagedProcess]:
        return [process for group in self.groups.values() for process in group.list_all()]

    async def _roll(self, restart: asyncio.Event) -> None:
        while True:
            await restart.wait()
            restart.clear()
            async with self._rolling:
                for group in self.groups.values():
                    await group.roll()
                _log.info("rolling restart finished", action="rolled")

    async def _scale(self, http: httpx2.AsyncClient) -> None:
        while True:
            await asyncio.sleep(self._hub.settings.scale_check_interval)
            if self._rolling.locked():
                continue
            try:
                await self._scale_upserts(http)
            except IntegraHubError as error:
                _log.warning("cannot read the backlog, not scaling", action="scale", error=str(error))
            self._scale_apis()

    async def _scale_upserts(self, http: httpx2.AsyncClient) -> None:
        group = self.groups["upsert"]
        waiting, lag = await backlog.by_step(self._hub.database), await self._hub.bus.lag(CHUNKS_READY)
        applied = await self._metrics.count_applied(self._list_all(), http)
        load = UpsertLoad(monotonic(), group.count, waiting["upsert"], lag, applied)
        count = self._upsert_scaling.decide(load)
        _log.debug("load of upsert workers", action="sample_load", backlog=load.backlog, lag=lag, applied=applied)
        drain = self._upsert_scaling.drain_seconds(load)
        self._samples |= {"backlog": waiting, "lag": lag, "applied": applied, "drain": drain}
        self._resize(group, count, backlog=load.backlog, lag=lag, applied=applied)

    def _scale_apis(self) -> None:
        group = self.groups["api"]
        usage = self._api_usage.measure(
            [managed.process.pid for managed in group.processes.values() if managed.process]
        )
        if usage is None or usage.instances != group.count:
            return
        self._samples |= {"api_cpu": round(usage.cpu, 3), "api_memory": round(usage.memory, 3)}
        self._resize(group, self._api_scaling.decide(usage), cpu=round(usage.cpu, 2), memory=round(usage.memory, 2))

    def _resize(self, group: ProcessGroup, count: int, **reason: float) -> None:
        if count != group.count:
            _log.info("scaling processes", action="scale", step=group.step, before=group.count, now=count, **reason)
            group.resize(count)

    def problems(self) -> list[str]:
        """Return a sentence for each process that is neither ready nor draining."""
        well = (ProcessState.READY, ProcessState.DRAINING)
        return [
            f"{process.name} is {process.state}: {'; '.join(process.problems)}"
            for process in self._list_all()
            if process.state not in well
        ]

    async def wait_until_serving(self) -> None:
        """Return once the first API process is ready."""
        await self.groups["api"].processes[0].ready.wait()

    def probes(self) -> Probes:
        """Return the supervisor's own probes; /status describes every process."""
        return Probes(list, self.problems, self._metrics.render, {"/status": self._status})

    async def _status(self) -> ProbeResponse:
        processes = [
            {"step": group.step} | process.status() for group in self.groups.values() for process in group.list_all()
        ]
        counts = {
            group.step: {"now": group.count, "min": group.replicas.minimum, "max": group.replicas.maximum}
            for group in self.groups.values()
        }
        return json_response({"workers": processes, "counts": counts, "seen": self._samples})
