"""How many processes are wanted, decided purely from what was seen at regular looks, without flapping."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReplicaRange:
    """The fewest and the most processes of a role."""

    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.maximum:
            raise ValueError(f"at least {self.minimum} and at most {self.maximum} processes cannot both hold")

    def clamp(self, count: int) -> int:
        """The nearest count within."""
        return max(self.minimum, min(self.maximum, count))


@dataclass(slots=True)
class StabilizationWindow:
    """Lets a wish for one more (+1) or one less (-1) pass once it was repeated, and not right after a change.

    `add_looks` and `remove_looks` are looks in a row; `add_pause` and `remove_pause` seconds since the last change.
    """

    add_looks: int = 2
    remove_looks: int = 3
    add_pause: float = 0.0
    remove_pause: float = 60.0
    _wish: int = 0
    _repeated: int = 0
    _changed_at: float = float("-inf")

    def settle(self, at: float, wish: int) -> int:
        """What may be done now: the wish, or 0."""
        self._repeated = self._repeated + 1 if wish == self._wish else 1
        self._wish = wish
        looks, pause = (self.add_looks, self.add_pause) if wish > 0 else (self.remove_looks, self.remove_pause)
        if wish == 0 or self._repeated < looks or at - self._changed_at < pause:
            return 0
        self._changed_at, self._repeated = at, 0
        return wish


@dataclass(frozen=True, slots=True)
class UpsertLoad:
    """The upsert workers at one moment: `at` in seconds, `workers` wanted now, `backlog` in records waiting in the
    database, `lag` in messages of the bus, `applied` in records applied since any fixed moment."""

    at: float
    workers: int
    backlog: int
    lag: int
    applied: int


@dataclass(slots=True)
class UpsertScaling:
    """One more when the backlog is over `add_over` and would take over `drain` seconds; one less when it is under
    `remove_under`, or short, and those left would keep up with what arrives.

    `drain` 0 leaves the estimate out: the two thresholds, in records, decide alone. `held` are the messages one worker
    holds at once. Rates are smoothed over looks; a worker's is measured only while there is enough to do.
    """

    span: ReplicaRange
    add_over: int = 5000
    remove_under: int = 1000
    drain: float = 30.0
    held: int = 2
    calm: StabilizationWindow = field(default_factory=StabilizationWindow)
    _before: UpsertLoad | None = None
    _each: float = 0.0  # records a second a busy worker applies; 0: not known yet
    _arriving: float = 0.0  # records a second

    def decide(self, look: UpsertLoad) -> int:
        """How many workers are wanted from now on."""
        self._learn(look)
        self._before = look
        change = self.calm.settle(look.at, self._wish(look))
        return self.span.clamp(look.workers + change)

    def drain_seconds(self, look: UpsertLoad) -> float | None:
        """How long the backlog would take if nothing more arrived; None while no worker's rate is known."""
        return look.backlog / (self._each * look.workers) if self._each else None

    def _learn(self, look: UpsertLoad) -> None:
        before = self._before
        if before is None or look.at <= before.at:
            return
        seconds = look.at - before.at
        applied = max(0, look.applied - before.applied) / seconds
        self._arriving = _smooth(self._arriving, max(0.0, applied + (look.backlog - before.backlog) / seconds))
        if min(look.backlog, before.backlog) >= self.remove_under and applied:
            self._each = _smooth(self._each, applied / max(1, before.workers))

    def _wish(self, look: UpsertLoad) -> int:
        if look.backlog > self.add_over and look.workers < self.span.maximum and self._is_long(look):
            return 1
        fewer = look.workers - 1
        if fewer >= self.span.minimum and self._is_short(look) and self._keep_up(fewer):
            return -1 if look.lag <= self.held * fewer else 0
        return 0

    def _is_long(self, look: UpsertLoad) -> bool:
        seconds = self.drain_seconds(look)
        return not self.drain or seconds is None or seconds > self.drain

    def _is_short(self, look: UpsertLoad) -> bool:
        seconds = self.drain_seconds(look)
        return look.backlog < self.remove_under or (self.drain > 0 and seconds is not None and seconds < self.drain / 8)

    def _keep_up(self, workers: int) -> bool:
        """Whether so many would be busy for at most four fifths of the time."""
        return not self._each or self._arriving <= 0.8 * self._each * workers


def _smooth(average: float, value: float) -> float:
    return 0.6 * average + 0.4 * value if average else value


@dataclass(frozen=True, slots=True)
class Usage:
    """The API processes at one moment: `at` in seconds; mean `cpu` as a share of one core, mean `memory` as a share of
    what one may use."""

    at: float
    instances: int
    cpu: float
    memory: float


@dataclass(slots=True)
class ApiScaling:
    """One more when CPU or memory is over `add_over`; one less when both are under `remove_under`. Shares, 0 to 1."""

    span: ReplicaRange
    add_over: float = 0.7
    remove_under: float = 0.3
    calm: StabilizationWindow = field(default_factory=StabilizationWindow)

    def decide(self, usage: Usage) -> int:
        """How many instances are wanted from now on."""
        change = self.calm.settle(usage.at, self._wish(usage))
        return self.span.clamp(usage.instances + change)

    def _wish(self, usage: Usage) -> int:
        dearest = max(usage.cpu, usage.memory)
        if dearest > self.add_over and usage.instances < self.span.maximum:
            return 1
        fewer = usage.instances - 1
        if fewer < self.span.minimum or dearest >= self.remove_under:
            return 0
        # What one leaves, the others take over.
        return -1 if usage.cpu * usage.instances / fewer <= self.add_over else 0
