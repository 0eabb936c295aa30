"""A line of the table: ours, a peer's, their ratio, the goal."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """`judged` (a ratio, or ours alone) must be `least` or more, or `most` or less; with neither it only tells."""

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
        """Whether the goal is reached; None where there is none, or nothing was measured."""
        if self.judged is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.judged >= self.least) and (self.most is None or self.judged <= self.most)

    @property
    def goal(self) -> str:
        """The goal as it is shown."""
        of = " x" if self.peer and self.theirs is not None else f" {self.unit}"
        wanted = [f"≥ {self.least:g}{of}"] if self.least is not None else []
        return ", ".join(wanted + ([f"≤ {self.most:g}{of}"] if self.most is not None else []))


def compared(
    work: str, ours: Sequence[float], peer: str, theirs: Sequence[float], least: float, note: str = ""
) -> Line:
    """Rates in products a second, run by run; the ratio is the median of the runs' ratios."""
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    mine, other = statistics.median(ours), statistics.median(theirs)
    return Line(work, "products/s", mine, peer, other, ratio, least=least, note=note)


def missing(work: str, reason: str) -> Line:
    """What could not be measured here, and why."""
    return Line(work, "", None, note=reason)
