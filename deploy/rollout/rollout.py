"""Rollout of a version in its order, with its own rollback."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from deploy.rollout.journal import Journal
from deploy.rollout.platform import Platform, Reference, Role, RolloutError


class Outcome(IntEnum):
    """How a rollout ended: the exit code of the command."""

    DONE = 0
    REFUSED = 1  #: before any process was replaced; the version before runs
    ROLLED_BACK = 3  #: the version before runs again
    BROKEN = 4  #: neither version passed the checks: an operator is needed


class Smoke(Protocol):
    """Checks of a running hub from outside."""

    def run(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield each check under its name. A check returns what it saw, or raises RolloutError."""


class Interrupted(BaseException):
    """A signal asked the rollout to stop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts of the steps, in seconds, and how the error budget is watched after the smoke test."""

    verify: float = 120.0
    plan: float = 120.0
    migrate: float = 3600.0
    ready: float = 600.0
    diagnose: float = 120.0
    smoke: float = 240.0
    settle: float = 330.0  #: from the last roll to the first look: the rate's five minutes, a scrape, an evaluation
    watch: float = 300.0
    watch_interval: float = 15.0

    def longest(self, *, migrates: bool) -> float:
        """Return how long a rollout takes at most, with its rollback, besides the calls that wait for nothing."""
        change = len(Role) * self.ready + self.diagnose + self.smoke
        expand = self.plan + self.migrate if migrates else 0.0
        return self.verify + expand + change + self.settle + self.watch + change


@dataclass(slots=True)
class Rollout:
    """One rollout. `verify` raises unless the target is signed; `find_burning` returns why the error budget burns.

    `find_burning` raises if the budget cannot be seen.
    `ignore_signals` is called before a step that must not stop half-way: the rollback, and the release of the lock.
    """

    platform: Platform
    journal: Journal
    verify: Callable[[Reference], None]
    smoke: Smoke
    find_burning: Callable[[], str | None] | None = None
    limits: Limits = field(default_factory=Limits)
    ignore_signals: Callable[[], None] = lambda: None
    touched: list[Role] = field(default_factory=list)
    _rolled_at: float = 0.0

    def deploy(self, target: Reference) -> Outcome:
        """Verify, plan, expand the schema, roll the roles and check them. Roll back if that fails."""
        return self._run(target, (self._plan, self._expand), tuple(Role))

    def rollback(self, target: Reference) -> Outcome:
        """Run an earlier version again. The schema stays: versions before a contract step run on it."""
        return self._run(target, (), tuple(reversed(Role)))

    def _run(self, target: Reference, before: Iterable[Callable[[], None]], roles: tuple[Role, ...]) -> Outcome:
        self.journal.write("start", target=str(target))
        lock = self.platform.lock(self.journal.rollout)
        try:
            lock.__enter__()
        except (Exception, Interrupted) as error:  # another rollout holds the lock
            return self._end(Outcome.REFUSED, str(error))
        try:
            outcome = self._run_locked(target, before, roles)
        finally:
            self._hold_signals()
            self._unlock(lock)
        return self._end(outcome)

    def _run_locked(self, target: Reference, before: Iterable[Callable[[], None]], roles: tuple[Role, ...]) -> Outcome:
        try:
            with self.journal.step("verify"):
                self.verify(target)
            with self.journal.step("prepare") as fields:
                fields["running"] = self.platform.prepare(target)
            for step in before:
                step()
        except (Exception, Interrupted):
            return Outcome.REFUSED
        try:
            for role in roles:
                self._roll(role)
            self._check()
            self._watch()
        except (Exception, Interrupted):
            return self._restore()
        return Outcome.DONE

    def _plan(self) -> None:
        with self.journal.step("plan") as fields:
            fields["output"] = self.platform.plan(self.limits.plan)

    def _expand(self) -> None:
        with self.journal.step("expand"):
            self.platform.migrate(self.limits.migrate)

    def _roll(self, role: Role) -> None:
        self.touched.append(role)
        with self.journal.step("roll", role=role):
            self.platform.roll(role)
            self.platform.wait_until_ready(role, self.limits.ready)
        self._rolled_at = time.monotonic()

    def _check(self) -> None:
        with self.journal.step("doctor") as fields:
            fields["output"] = self.platform.diagnose(self.limits.diagnose)
        for name, check in self.smoke.run():
            with self.journal.step("smoke", check=name) as fields:
                fields["saw"] = check()

    def _watch(self) -> None:
        if self.find_burning is None:
            self.journal.write("watch", result="skipped", reason="no address of Prometheus was given")
            return
        with self.journal.step("watch", watched=self.limits.watch) as fields:
            # Before, the rate also counts the errors of the version before.
            time.sleep(max(self._rolled_at + self.limits.settle - time.monotonic(), 0.0))
            fields["looks"], fields["failed"] = self._look(self.find_burning, time.monotonic() + self.limits.watch)

    def _look(self, find_burning: Callable[[], str | None], end: float) -> tuple[int, int]:
        """Look at the error budget until `end`. Return the number of looks, and how many of them failed: not all."""
        looks, failures = 0, list[str]()
        while looks == 0 or time.monotonic() < end:
            if looks:
                time.sleep(min(self.limits.watch_interval, self.limits.watch))
            looks += 1
            try:
                found = find_burning()
            except RolloutError as error:
                failures.append(str(error))
                continue
            if found:
                raise RolloutError(f"The error budget burns too fast. {found}")
        if len(failures) == looks:
            raise RolloutError(f"The error budget could not be seen in {looks} looks. The last: {failures[-1]}")
        return looks, len(failures)

    def _restore(self) -> Outcome:
        """Restore the touched roles in reverse order, and check the version before."""
        self._hold_signals()
        try:
            for role in reversed(self.touched):
                with self.journal.step("restore", role=role):
                    self.platform.restore(role)
                    self.platform.wait_until_ready(role, self.limits.ready)
            self._check()
        except (Exception, Interrupted):
            return Outcome.BROKEN
        return Outcome.ROLLED_BACK

    def _hold_signals(self) -> None:
        """Let no signal end what must not stop half-way. One that came first has been heard."""
        with suppress(Interrupted):
            self.ignore_signals()

    def _unlock(self, lock: AbstractContextManager[None]) -> None:
        """Free the lock. A failure changes nothing of the outcome; the reason says how to free it by hand."""
        try:
            lock.__exit__(None, None, None)
        except Exception as error:
            self.journal.write("unlock failed", reason=str(error))

    def _end(self, outcome: Outcome, reason: str | None = None) -> Outcome:
        self.journal.write("end", outcome=outcome.name.lower(), **({"reason": reason} if reason else {}))
        return outcome
