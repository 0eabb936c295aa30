"""Observation of a hub during a soak test: memory of its processes, states in /health, and what asks for attention."""

import asyncio
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec

from integrahub.db.console import overview
from integrahub.db.database import Database
from integrahub.domain.errors import ConfigurationError, IntegraHubError
from integrahub.monitoring.attention import list_attention
from integrahub.supervisor.state_file import fetch_status, read_live_pid
from integrahub.tools.loadtest.process_memory import resident_megabytes
from integrahub.tools.soak.rows import HubProcess, ProcessMemory

_MEMORY_INTERVAL_SECONDS = 2.0
_HEALTH_INTERVAL_SECONDS = 1.0
_ATTENTION_INTERVAL_SECONDS = 5
_WINDOW = 0.1  # share of the run over which a size is measured
_WARM = 0.1  # share of the run after which the start is measured


@dataclass(slots=True)
class Observation:
    """Sizes in megabytes by process and share of the run, and seconds of each state that was not `ok`.

    `attention`: seconds by what the console asked attention for.
    """

    sizes: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    troubles: Counter[str] = field(default_factory=Counter)
    attention: Counter[str] = field(default_factory=Counter)

    def add_sizes(self, share: float, sizes: dict[str, float]) -> None:
        """Record the sizes at a share of the run."""
        for name, size in sizes.items():
            if size:
                self.sizes.setdefault(name, []).append((share, size))

    def memory(self) -> list[ProcessMemory]:
        """Return for each process its size at the start, half and end, and its growth in the second half."""
        return [_summarise(name, samples) for name, samples in sorted(self.sizes.items())]


def _summarise(name: str, samples: list[tuple[float, float]]) -> ProcessMemory:
    start = _around(samples, _WARM)
    half, end = _around(samples, 0.5), _around(samples, 1 - _WINDOW / 2)
    growth = round(end / half - 1, 3) if half and end else None
    return ProcessMemory(name, start, half, end, growth)


def _around(samples: list[tuple[float, float]], share: float) -> float | None:
    near = [size for at, size in samples if abs(at - share) <= _WINDOW]
    return round(statistics.median(near), 1) if near else None


async def observe_memory(data_dir: Path, observation: Observation, share: Callable[[], float]) -> None:
    """Measure the processes until cancelled."""
    while True:
        await asyncio.sleep(_MEMORY_INTERVAL_SECONDS)
        sizes = await asyncio.to_thread(_measure, data_dir)
        observation.add_sizes(share(), sizes)


def _measure(data_dir: Path) -> dict[str, float]:
    sizes = {"supervisor": resident_megabytes(read_live_pid(data_dir))}
    try:
        processes = msgspec.convert(fetch_status(data_dir)["workers"], list[HubProcess])
    except ConfigurationError:  # a busy supervisor does not answer
        return sizes
    return sizes | {one.short_name: resident_megabytes(one.pid) for one in processes if one.pid}


async def observe_health(http: httpx2.AsyncClient, observation: Observation) -> None:
    """Count the seconds of each state of each check until cancelled."""
    while True:
        await asyncio.sleep(_HEALTH_INTERVAL_SECONDS)
        try:
            checks = (await http.get("/health")).json().get("checks", {})
        except (httpx2.HTTPError, ValueError):
            observation.troubles["no answer"] += 1
            continue
        for name, check in checks.items():
            if check["status"] != "ok":
                observation.troubles[f"{name} {check['status']}"] += 1


async def observe_attention(database: Database, observation: Observation) -> None:
    """Count the seconds of each thing that the console asks attention for until cancelled. /health has dependencies."""
    while True:
        await asyncio.sleep(_ATTENTION_INTERVAL_SECONDS)
        try:
            items = list_attention(await overview.find_overview(database), {})
        except IntegraHubError:  # PostgreSQL is down by the plan
            continue
        observation.attention.update(dict.fromkeys({str(item.kind) for item in items}, _ATTENTION_INTERVAL_SECONDS))
