"""Store of the last run of each scenario, as JSON: machine, time, command and lines."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from bench.measurement import Line
from integrahub.hub.adapters import describe_kernel
from integrahub.settings.model import Settings

FOLDER = Path(__file__).parents[1] / ".bench"
_FILE = FOLDER / "results.json"


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """The last run of one scenario. `busy` is the load average before it, `commit` that of the measured code."""

    name: str
    lines: list[Line]
    command: str
    date: str
    minutes: float
    busy: float
    commit: str
    machine: str


def start() -> tuple[float, float]:
    """Return the clock and the load average at the start of a scenario."""
    return perf_counter(), os.getloadavg()[0]


def save(name: str, lines: list[Line], command: str, started: tuple[float, float]) -> ScenarioRun:
    """Store the run of a scenario in place of its previous run."""
    minutes, busy = (perf_counter() - started[0]) / 60, started[1]
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    run = ScenarioRun(name, lines, command, date, round(minutes, 1), round(busy, 1), _commit(), describe_machine())
    runs = {stored.name: stored for stored in load()} | {name: run}
    FOLDER.mkdir(exist_ok=True)
    _FILE.write_text(json.dumps([asdict(stored) for stored in runs.values()], ensure_ascii=False, indent=1))
    return run


def load() -> list[ScenarioRun]:
    """Return the last run of each scenario."""
    stored = json.loads(_FILE.read_text()) if _FILE.exists() else []
    return [ScenarioRun(**{**run, "lines": [Line(**line) for line in run["lines"]]}) for run in stored]


def describe_machine() -> str:
    """Return CPU, cores, memory and system of this machine, and what reads records."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.release()}"
    return (
        f"{_first('/proc/cpuinfo', 'model name')}, {cores} cores, {_memory()}, {system}; {describe_kernel(Settings())}"
    )


def _memory() -> str:
    fields = _first("/proc/meminfo", "MemTotal").split()
    return f"{round(int(fields[0]) / 2**20)} GiB" if fields and fields[0].isdigit() else "memory unknown"


def _first(file: str, name: str) -> str:
    """Return the first value of `name` in a file of `name: value` lines."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return platform.processor() or "?"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "?")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    result = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
