"""The last run, kept as JSON beside the bench: on which machine, when, by which command, and every line."""

import json
import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measured import Line

FOLDER = Path(__file__).parents[1] / ".bench"
_FILE = FOLDER / "results.json"
Row = dict[str, Any]


def keep(command: str, scenes: dict[str, list[Line]], minutes: float, busy: float) -> Row:
    """Write the run down, whole; what an earlier run found is gone. `busy`: the load average before it began."""
    found = {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "minutes": round(minutes, 1),
        "machine": machine(),
        "busy": round(busy, 1),
        "commit": _commit(),
        "scenes": {name: [asdict(line) for line in lines] for name, lines in scenes.items()},
    }
    FOLDER.mkdir(exist_ok=True)
    _FILE.write_text(json.dumps(found, ensure_ascii=False, indent=1))
    return found


def last() -> Row:
    """The run that was written down last."""
    found: Row = json.loads(_FILE.read_text())
    return found


def lines_of(found: Row) -> list[Line]:
    """Every line of a run, in the order of the scenes."""
    return [Line(**line) for lines in found["scenes"].values() for line in lines]


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
