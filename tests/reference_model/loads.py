"""Loads as they are sent, with their outcome."""

from dataclasses import dataclass, field
from typing import Any

from tests.reference_model.dialects import RecordDialect
from tests.reference_model.records import InovaFarmaRecords

COUNTERS = ("inserted", "updated", "unchanged", "merged", "rejected", "superseded", "cancelled", "deactivated")


@dataclass
class Load:
    """One load and its outcome. `origin` is its position in the order, `left_out` the cancelled positions."""

    kind: str  # full or delta
    records: list[Any]
    origin: int = 0
    first: int = 0  # of a FULL in parts: where its first part stands
    left_out: set[int] = field(default_factory=set)
    is_replay: bool = False
    came: int = 0  # products that it made active
    status: str = ""
    deactivation: str = "none"
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))
    faults: list[tuple[int, str, str, str]] = field(default_factory=list)  # position, severity, field, code
    form: str = "spaced"  # as `wire.form` draws it
    dialect: RecordDialect = field(default_factory=InovaFarmaRecords)
    is_dry: bool = False  # a dry run

    def __post_init__(self) -> None:
        self.ids = {self.dialect.identity(record) for record in self.records}  # 0 stands for one that cannot be read

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that makes the post a dry run."""
        return {"X-Inova-Dry-Run": "true"} if self.is_dry else {}

    def repeats(self, earlier: "Load") -> bool:
        """Return True if this load, posted without a key, repeats the pharmacy's latest batch."""
        same = (earlier.kind, earlier.records) == (self.kind, self.records)
        same = same and earlier.form.split()[0] == self.form.split()[0]
        same = same and earlier.is_dry == self.is_dry
        return same and earlier.status not in ("FAILED", "CANCELLED")
