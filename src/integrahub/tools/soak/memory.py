"""Memory of a hub's processes during a soak test. A process is compared with itself, never with its successor."""

import statistics
from dataclasses import dataclass, field

from integrahub.tools.soak.rows import MemoryReport, ProcessMemory, ProcessStarts

WARM_UP_SECONDS = 120.0
MIN_LIFE_SECONDS = 300.0  # of a process whose growth is judged
_WINDOW_SECONDS, _WINDOW_SHARE = 30.0, 0.05  # to either side of the moment at which a size is measured; of the life
_MAX_SAMPLES = 2048  # of one process; then every second one is dropped
_MAX_STARTS = 50  # of one name, listed by their seconds


@dataclass(slots=True)
class Life:
    """Megabytes of one process by second of the run, from its start to its end."""

    process: str
    pid: int
    start: float
    end: float
    samples: list[tuple[float, float]] = field(default_factory=list)
    _seen: int = 0
    _stride: int = 1

    def add(self, at: float, size: float) -> None:
        """Record the size at a second; keep fewer samples of a long life."""
        self.end = at
        self._seen += 1
        if self._seen % self._stride == 0:
            self.samples.append((at, size))
        if len(self.samples) > _MAX_SAMPLES:
            del self.samples[1::2]
            self._stride *= 2

    @property
    def is_judged(self) -> bool:
        """Whether the process lived long enough."""
        return self.end - self.start >= MIN_LIFE_SECONDS

    def summarise(self) -> ProcessMemory:
        """Return its sizes; `half_mb` and `growth` cover what followed the warm-up, if the life is judged."""
        first, last = self.samples[0][1], self.samples[-1][1]
        row = (self.process, self.pid, round(self.start), round(self.end), round(first, 1))
        if not self.is_judged:
            return ProcessMemory(*row, None, None, round(last, 1), None)
        warm = self.start + WARM_UP_SECONDS
        window = max(_WINDOW_SECONDS, _WINDOW_SHARE * (self.end - warm))
        half, end = (self._around(at, window) for at in ((warm + self.end) / 2, self.end - window))
        growth = round(end / half - 1, 3) if half and end else None
        return ProcessMemory(*row, self._around(warm, window), half, end, growth)

    def _around(self, moment: float, window: float) -> float | None:
        near = [size for at, size in self.samples if abs(at - moment) <= window]
        return round(statistics.median(near), 1) if near else None


@dataclass(slots=True)
class MemoryLog:
    """Lives of the hub's processes by name: the present ones, and what is kept of those that ended."""

    _present: dict[str, Life] = field(default_factory=dict)
    _ended: dict[str, list[ProcessMemory]] = field(default_factory=dict)  # judged ones, or else the longest
    _starts: dict[str, list[float]] = field(default_factory=dict)

    def add(self, at: float, sizes: dict[tuple[str, int], float]) -> None:
        """Record the sizes of the processes, by name and pid, at a second of the run."""
        for (name, pid), size in sizes.items():
            if not size:
                continue
            life = self._present.get(name)
            if life is None or life.pid != pid:
                if life:
                    self._keep(life)
                life = self._present[name] = Life(name, pid, at, at)
                self._starts.setdefault(name, []).append(at)
            life.add(at, size)

    def _keep(self, life: Life) -> None:
        self._ended[life.process] = _choose([*self._ended.get(life.process, []), life.summarise()])

    def report(self) -> MemoryReport:
        """Return every process that lived long enough to judge, or of a name without one the longest; and restarts."""
        lives = {name: [*self._ended.get(name, []), life.summarise()] for name, life in self._present.items()}
        rows = [row for name in sorted(lives) for row in _choose(lives[name])]
        return MemoryReport(rows, [_list_starts(name, starts[1:]) for name, starts in sorted(self._starts.items())])


def _choose(lives: list[ProcessMemory]) -> list[ProcessMemory]:
    judged = [one for one in lives if one.half_mb is not None]
    return judged or [max(lives, key=lambda one: one.end - one.start)]


def _list_starts(name: str, starts: list[float]) -> ProcessStarts:
    shown = [f"{start:.0f}" for start in starts[:_MAX_STARTS]]
    more = [f"{len(starts) - _MAX_STARTS} more"] if len(starts) > _MAX_STARTS else []
    return ProcessStarts(name, len(starts), ", ".join([*shown, *more]))
