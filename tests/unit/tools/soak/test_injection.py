"""Faults of a soak test: a process that has ended does not keep the others from being frozen."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from integrahub.tools.soak import injection
from integrahub.tools.soak.injection import FaultInjector, Services
from integrahub.tools.soak.plan import Fault, FaultKind


async def _freeze_and_look(folder: Path, pid: int) -> tuple[bool, str]:
    """Freeze what runs in the folder; return whether the process was seen stopped, and what was hit."""
    injector, is_stopped = FaultInjector(folder, Services()), False
    freeze = asyncio.create_task(injector.inject(Fault(0.0, FaultKind.FREEZE_S3, 0.2, 0.0)))
    while not freeze.done():
        is_stopped = is_stopped or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        await asyncio.sleep(0.01)
    return is_stopped, await freeze


def test_a_freeze_stops_the_processes_that_still_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with subprocess.Popen(["sleep", "60"]) as running:
        monkeypatch.setattr(injection, "find_in_folder", lambda folder: [ended.pid, running.pid])
        seen = asyncio.run(_freeze_and_look(tmp_path, running.pid))
        running.kill()
    assert seen == (True, "1 processes")
