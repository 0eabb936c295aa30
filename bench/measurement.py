"""Lines of the result table: our figure, the peer's, their ratio, the goal."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Row = dict[str, Any]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement. `judged` (a ratio, or our figure) must be at least `least` and at most `most`, where given."""

    work: str
    unit: str
    ours: float | None
    peer: str = ""
    theirs: float | None = None
    judged: float | None = None
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """True if the goal is reached; None without a goal or a measurement."""
        if self.judged is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.judged >= self.least) and (self.most is None or self.judged <= self.most)

    @property
    def goal(self) -> str:
        """The goal as the table shows it."""
        of = " x" if self.peer and self.theirs is not None else f" {self.unit}"
        bounds = [f"≥ {self.least:g}{of}"] if self.least is not None else []
        return ", ".join(bounds + ([f"≤ {self.most:g}{of}"] if self.most is not None else []))


def rotate(items: list[Item], turn: int) -> list[Item]:
    """Return the items in the order of a turn: each of them is first in some turn."""
    first = turn % len(items)
    return items[first:] + items[:first]


def compare(work: str, ours: Sequence[float], peer: str, theirs: Sequence[float], least: float, note: str = "") -> Line:
    """Compare rates in products per second, run by run; the ratio is the median of the runs' ratios."""
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    mine, other = statistics.median(ours), statistics.median(theirs)
    return Line(work, "products/s", mine, peer, other, ratio, least=least, note=note)


def not_measured(work: str, reason: str) -> Line:
    """Return a line for something that could not be measured here, with the reason."""
    return Line(work, "", None, note=reason)
