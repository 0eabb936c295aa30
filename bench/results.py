"""Each scene's last run, kept as JSON: on which machine, when, by which command, and every line."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from bench.measurement import Line

FOLDER = Path(__file__).parents[1] / ".bench"
_FILE = FOLDER / "results.json"


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene's last run. `busy`: the load average before it began; `commit`: of the code that was measured."""

    name: str
    lines: list[Line]
    command: str
    date: str
    minutes: float
    busy: float
    commit: str
    machine: str


def begun() -> tuple[float, float]:
    """The clock and the load average as a scene begins."""
    return perf_counter(), os.getloadavg()[0]


def ended(name: str, lines: list[Line], command: str, since: tuple[float, float]) -> Scene:
    """Write a scene's run down in the place of its run before; the other scenes' last runs stay."""
    minutes, busy = (perf_counter() - since[0]) / 60, since[1]
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    scene = Scene(name, lines, command, date, round(minutes, 1), round(busy, 1), _commit(), machine())
    kept = {known.name: known for known in last()} | {name: scene}
    FOLDER.mkdir(exist_ok=True)
    _FILE.write_text(json.dumps([asdict(known) for known in kept.values()], ensure_ascii=False, indent=1))
    return scene


def last() -> list[Scene]:
    """Each scene's last run."""
    found = json.loads(_FILE.read_text()) if _FILE.exists() else []
    return [Scene(**{**known, "lines": [Line(**line) for line in known["lines"]]}) for known in found]


def machine() -> str:
    """What it ran on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_first('/proc/cpuinfo', 'model name')}, {cores} cores, {_memory()}, {platform.system()} {platform.release()}"
    )


def _memory() -> str:
    told = _first("/proc/meminfo", "MemTotal").split()
    return f"{round(int(told[0]) / 2**20)} GiB" if told and told[0].isdigit() else "memory unknown"


def _first(file: str, name: str) -> str:
    """The value of a name in one of the system's lists."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return platform.processor() or "?"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "?")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    told = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
