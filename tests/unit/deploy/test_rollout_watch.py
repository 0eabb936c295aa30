"""A rollout judges its version by the error budget: after the rate's window, over looks of which some may fail."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deploy.rollout.journal import Journal
from deploy.rollout.platform import Reference, Role, RolloutError
from deploy.rollout.rollout import Limits, Outcome, Rollout


class _Platform:
    """Platform on which every step is done at once."""

    @contextmanager
    def lock(self, rollout: str) -> Iterator[None]:
        yield

    def prepare(self, target: Reference) -> list[str]:
        return []

    def plan(self, timeout: float) -> str:
        return ""

    def migrate(self, timeout: float) -> None:
        """Do nothing."""

    def roll(self, role: Role) -> None:
        """Do nothing."""

    restore = roll

    def wait_until_ready(self, role: Role, timeout: float) -> None:
        """Do nothing."""

    def diagnose(self, timeout: float) -> str:
        return ""


class _Smoke:
    def run(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield nothing."""
        yield from ()


def _rollout(folder: Path, find_burning: Callable[[], str | None], **limits: float) -> Rollout:
    journal = Journal(folder / "journal", "a")
    made = Limits(**{"settle": 0.0, "watch": 0.5, "watch_interval": 0.01} | limits)
    return Rollout(_Platform(), journal, lambda _: None, _Smoke(), find_burning, made)


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, (folder / "journal").read_text("utf-8").splitlines())


@pytest.mark.parametrize(("answers", "outcome"), [(1, Outcome.DONE), (0, Outcome.ROLLED_BACK)])
def test_some_looks_may_fail_but_not_all(tmp_path: Path, answers: int, outcome: Outcome) -> None:
    looks = iter(range(10_000))

    def look() -> str | None:
        if next(looks) != 1 or not answers:
            raise RolloutError("timed out")
        return None

    assert _rollout(tmp_path, look).deploy(Reference("hub", "0" * 64)) is outcome
    watch = next(line for line in _events(tmp_path) if line["event"] == "watch")
    if answers:
        assert watch["looks"] == watch["failed"] + 1 > 1
    else:
        assert watch["reason"].endswith("The last: timed out")


def test_the_first_look_is_after_the_window_of_the_rate(tmp_path: Path) -> None:
    looks: list[float] = []
    begin = time.monotonic()
    rollout = _rollout(tmp_path, lambda: looks.append(time.monotonic()), settle=0.3, watch=0)
    assert rollout.deploy(Reference("hub", "0" * 64)) is Outcome.DONE
    assert len(looks) == 1 and looks[0] - begin >= 0.3


def test_a_burning_budget_is_heard_after_a_look_that_failed(tmp_path: Path) -> None:
    looks = iter(range(10_000))

    def look() -> str | None:
        if next(looks) == 0:
            raise RolloutError("timed out")
        return "errors of 5 %"

    assert _rollout(tmp_path, look).deploy(Reference("hub", "0" * 64)) is Outcome.ROLLED_BACK
    assert "errors of 5 %" in next(line["reason"] for line in _events(tmp_path) if line["event"] == "watch")
