"""Observation of a hub during a soak test: memory of its processes, states in /health, and what asks for attention."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
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
from integrahub.tools.soak.memory import MemoryLog
from integrahub.tools.soak.rows import HubProcess

_MEMORY_INTERVAL_SECONDS = 2.0
_HEALTH_INTERVAL_SECONDS = 1.0
_ATTENTION_INTERVAL_SECONDS = 5


@dataclass(slots=True)
class Observation:
    """Memory of the processes, and seconds of each state that was not `ok`.

    `attention`: seconds by what the console asked attention for.
    """

    memory: MemoryLog = field(default_factory=MemoryLog)
    troubles: Counter[str] = field(default_factory=Counter)
    attention: Counter[str] = field(default_factory=Counter)


async def observe_memory(data_dir: Path, observation: Observation, second: Callable[[], float]) -> None:
    """Measure the processes until cancelled. `second` returns the second of the run."""
    while True:
        await asyncio.sleep(_MEMORY_INTERVAL_SECONDS)
        sizes = await asyncio.to_thread(_measure, data_dir)
        observation.memory.add(second(), sizes)


def _measure(data_dir: Path) -> dict[tuple[str, int], float]:
    supervisor = read_live_pid(data_dir)
    pids = {("supervisor", supervisor)} if supervisor else set()
    with suppress(ConfigurationError):  # a busy supervisor does not answer
        processes = msgspec.convert(fetch_status(data_dir)["workers"], list[HubProcess])
        pids |= {(one.short_name, one.pid) for one in processes if one.pid}
    return {(name, pid): resident_megabytes(pid) for name, pid in pids}


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
