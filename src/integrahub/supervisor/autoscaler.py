"""Decisions on the number of upsert workers and API processes, from samples of their load. No I/O."""

from dataclasses import dataclass, field

_SMOOTHING = 0.4  # weight of the newest sample in a moving average
_MAX_UTILISATION = 0.8  # of the workers that stay after a scale-down
_SHORT_BACKLOG_DIVISOR = 8  # a backlog that drains in an eighth of the limit allows a scale-down


@dataclass(frozen=True, slots=True)
class ReplicaRange:
    """Smallest and largest number of processes of a group."""

    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.maximum:
            raise ValueError(f"at least {self.minimum} and at most {self.maximum} processes cannot both hold")

    def clamp(self, count: int) -> int:
        """Return the nearest count within the range."""
        return max(self.minimum, min(self.maximum, count))


@dataclass(slots=True)
class StabilizationWindow:
    """Pass a scale-up or scale-down only after it was requested N times in a row and the cooldown has passed.

    `..._samples` are samples in a row, `..._cooldown` seconds since the last change.
    """

    add_samples: int = 2
    remove_samples: int = 3
    add_cooldown: float = 0.0
    remove_cooldown: float = 60.0
    _requested: int = 0
    _repetitions: int = 0
    _changed_at: float = float("-inf")

    def filter(self, at: float, change: int) -> int:
        """Return the requested change (+1, -1 or 0) if it may be made at `at`, else 0."""
        self._repetitions = self._repetitions + 1 if change == self._requested else 1
        self._requested = change
        if change > 0:
            samples, cooldown = self.add_samples, self.add_cooldown
        else:
            samples, cooldown = self.remove_samples, self.remove_cooldown
        if change == 0 or self._repetitions < samples or at - self._changed_at < cooldown:
            return 0
        self._changed_at, self._repetitions = at, 0
        return change


@dataclass(frozen=True, slots=True)
class UpsertLoad:
    """A sample of the upsert workers.

    `at` is in seconds, `workers` their desired number, `backlog` in records waiting in the database, `lag` in messages
    waiting on the bus, `applied` in records applied since any fixed time.
    """

    at: float
    workers: int
    backlog: int
    lag: int
    applied: int


@dataclass(slots=True)
class UpsertScaling:
    """Scaling of upsert workers by their backlog.

    Add a worker if the backlog exceeds `add_over` records and would take longer than `drain` seconds. Remove one if the
    backlog is below `remove_under` records, or short, and the others keep up with the arrival rate. `drain` 0: the two
    thresholds decide alone. `in_flight` are the messages that one worker holds at once. Rates are moving averages; the
    rate of a worker is measured only while all are busy.
    """

    replicas: ReplicaRange
    add_over: int = 5000
    remove_under: int = 1000
    drain: float = 30.0
    in_flight: int = field(kw_only=True)
    stabilization: StabilizationWindow = field(default_factory=StabilizationWindow)
    _last: UpsertLoad | None = None
    _worker_rate: float = 0.0  # records a second of a busy worker; 0: not measured yet
    _arrival_rate: float = 0.0  # records a second

    def decide(self, load: UpsertLoad) -> int:
        """Return the desired number of workers."""
        self._update_rates(load)
        self._last = load
        change = self.stabilization.filter(load.at, self._requested_change(load))
        return self.replicas.clamp(load.workers + change)

    def drain_seconds(self, load: UpsertLoad) -> float | None:
        """Estimate how long the backlog takes if nothing more arrives; None before the first measured rate."""
        return load.backlog / (self._worker_rate * load.workers) if self._worker_rate else None

    def _update_rates(self, load: UpsertLoad) -> None:
        last = self._last
        if last is None or load.at <= last.at:
            return
        seconds = load.at - last.at
        applied = max(0, load.applied - last.applied) / seconds
        arrived = max(0.0, applied + (load.backlog - last.backlog) / seconds)
        self._arrival_rate = _smooth(self._arrival_rate, arrived)
        if min(load.backlog, last.backlog) >= self.remove_under and applied:
            self._worker_rate = _smooth(self._worker_rate, applied / max(1, last.workers))

    def _requested_change(self, load: UpsertLoad) -> int:
        if load.backlog > self.add_over and load.workers < self.replicas.maximum and self._is_long(load):
            return 1
        fewer = load.workers - 1
        if fewer >= self.replicas.minimum and self._is_short(load) and self._can_keep_up(fewer):
            return -1 if load.lag <= self.in_flight * fewer else 0
        return 0

    def _is_long(self, load: UpsertLoad) -> bool:
        seconds = self.drain_seconds(load)
        return not self.drain or seconds is None or seconds > self.drain

    def _is_short(self, load: UpsertLoad) -> bool:
        if load.backlog < self.remove_under:
            return True
        seconds = self.drain_seconds(load)
        return self.drain > 0 and seconds is not None and seconds < self.drain / _SHORT_BACKLOG_DIVISOR

    def _can_keep_up(self, workers: int) -> bool:
        return not self._worker_rate or self._arrival_rate <= _MAX_UTILISATION * self._worker_rate * workers


def _smooth(average: float, value: float) -> float:
    return (1 - _SMOOTHING) * average + _SMOOTHING * value if average else value


@dataclass(frozen=True, slots=True)
class Usage:
    """A sample of the API processes.

    `at` is in seconds, `cpu` the mean share of one core, `memory` the mean share of the memory limit.
    """

    at: float
    instances: int
    cpu: float
    memory: float


@dataclass(slots=True)
class ApiScaling:
    """Scaling of API processes by their CPU and memory, as shares from 0 to 1.

    One is added if either exceeds `add_over`, and removed if both are below `remove_under`.
    """

    replicas: ReplicaRange
    add_over: float = 0.7
    remove_under: float = 0.3
    stabilization: StabilizationWindow = field(default_factory=StabilizationWindow)

    def decide(self, usage: Usage) -> int:
        """Return the desired number of processes."""
        change = self.stabilization.filter(usage.at, self._requested_change(usage))
        return self.replicas.clamp(usage.instances + change)

    def _requested_change(self, usage: Usage) -> int:
        highest = max(usage.cpu, usage.memory)
        if highest > self.add_over and usage.instances < self.replicas.maximum:
            return 1
        fewer = usage.instances - 1
        if fewer < self.replicas.minimum or highest >= self.remove_under:
            return 0
        # The other processes take over the load of the one removed.
        return -1 if usage.cpu * usage.instances / fewer <= self.add_over else 0
