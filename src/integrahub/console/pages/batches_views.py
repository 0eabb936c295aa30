"""What the page of a batch shows: its parts, each filled for one tab."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from integrahub.console.translations import N_
from integrahub.db.changes.rows import BatchChange
from integrahub.db.console.batch_rows import BatchFacts, ChunkLine, IssueCount, IssueLine, RelatedBatch
from integrahub.domain.batches import BODY_ERRORS, FINAL, BatchKind, BatchStatus, DeactivationState
from integrahub.domain.views.batch import BatchReport, BatchView
from integrahub.domain.views.raw_record import MarkedText
from integrahub.reports.batch_changes import ChangeSummary

_COUNTERS = (
    ("inserted", N_("new")),
    ("updated", N_("changed")),
    ("unchanged", N_("unchanged")),
    ("merged", N_("merged")),
    ("superseded", N_("superseded by a later batch")),
    ("rejected", N_("rejections")),
    ("dead", N_("failed for good")),
    ("cancelled", N_("left out")),
)
_NO_LOADS = frozenset({BatchKind.APPROVAL, BatchKind.WINDOW, BatchKind.DRY_RUN})


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """A step of a batch: when it began, and how long it took; `at` is None if it did not begin."""

    text: str
    at: datetime | None
    length: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps of a batch in their order."""

    steps: list[TimelineStep]

    @classmethod
    def of(cls, report: BatchReport, facts: BatchFacts) -> "Timeline":
        """Return the steps of a batch."""
        began = facts.first_byte_at or report.received_at
        times = [
            (N_("upload began"), began if began < report.received_at else None),
            (N_("received"), report.received_at),
            (N_("splitting"), report.started_at if facts.split_at or not report.finished_at else None),
            (N_("split"), facts.split_at if report.chunks_total or report.status is not BatchStatus.FAILED else None),
            (N_("applying"), facts.upsert_at),
            (N_("applied"), facts.applied_at if report.finished_at or not report.chunks_total else None),
            (_end_of(report.status), report.finished_at),
        ]
        shown = [(text, at) for text, at in times if at is not None]
        lengths = [later[1] - earlier[1] for earlier, later in pairwise(shown)]
        steps = [
            TimelineStep(text, at, length if length > timedelta(0) else None)
            for (text, at), length in zip(shown, [timedelta(0), *lengths], strict=True)
        ]
        return cls(steps)


def _end_of(status: BatchStatus) -> str:
    ends = {
        BatchStatus.COMPLETED: N_("completed"),
        BatchStatus.PARTIAL_FAIL: N_("completed in part"),
        BatchStatus.FAILED: N_("failed"),
        BatchStatus.CANCELLED: N_("cancelled"),
    }
    return ends.get(status, "")


@dataclass(frozen=True, slots=True)
class RecordsTab:
    """Rejected records and warnings; `record` is the raw record of the chosen issue."""

    counts: list[IssueCount] = field(default_factory=list)
    issues: list[IssueLine] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    chosen: IssueLine | None = None
    record: MarkedText | None = None
    severity: str = ""
    code: str = ""
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ChangesTab:
    """What the batch changed, or why that cannot be shown."""

    summary: ChangeSummary | None = None
    rows: list[BatchChange] = field(default_factory=list)
    kind: str = ""
    field: str = ""
    next_cursor: str | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class ChunksTab:
    """Chunks of the batch with their attempts."""

    rows: list[ChunkLine]
    next_cursor: str | None
    only_troubled: bool


@dataclass(frozen=True, slots=True)
class Counter:
    """A part of the records of a batch: a CSS class, a msgid, and how many."""

    style: str
    text: str
    count: int


@dataclass(frozen=True, slots=True)
class BatchDetail:
    """The page of a batch."""

    batch: BatchView
    facts: BatchFacts
    timeline: Timeline
    neighbours: list[RelatedBatch]
    operations: list[RelatedBatch]
    excerpt: MarkedText | None
    tab: str
    has_history: bool
    records: RecordsTab | None = None
    changes: ChangesTab | None = None
    chunks: ChunksTab | None = None

    def with_records(self, records: RecordsTab) -> "BatchDetail":
        """Return the page with its records."""
        return replace(self, records=records)

    def with_changes(self, changes: ChangesTab) -> "BatchDetail":
        """Return the page with its changes."""
        return replace(self, changes=changes)

    def with_chunks(self, chunks: ChunksTab) -> "BatchDetail":
        """Return the page with its chunks."""
        return replace(self, chunks=chunks)

    @property
    def has_issues(self) -> bool:
        """Return whether records of the batch were rejected or warned about."""
        return bool(self.batch.rejected or self.batch.warnings)

    @property
    def counters(self) -> list[Counter]:
        """Return the parts that add up to the records of the batch; of an unfinished one also the open records."""
        parts = [Counter(name, text, getattr(self.batch, name)) for name, text in _COUNTERS]
        settled = sum(part.count for part in parts)
        if self.batch.items_total is not None and self.batch.items_total > settled:
            parts.append(Counter("open", N_("not applied yet"), self.batch.items_total - settled))
        return [part for part in parts if part.count]

    @property
    def is_held(self) -> bool:
        """Return whether the deactivation waits for a decision."""
        return self.batch.deactivation.state is DeactivationState.HELD

    @property
    def is_body_at_fault(self) -> bool:
        """Return whether the batch failed because of its body, so that a replay would fail again."""
        return self.batch.error is not None and self.batch.error.code in BODY_ERRORS

    @property
    def replay_obstacle(self) -> str:
        """Return why the batch cannot be replayed, as a msgid; '' if nothing is known to prevent it."""
        if self.batch.kind in _NO_LOADS:
            return N_("This is an operation, not a load: it has no records of its own.")
        if self.batch.finished_at is None:
            return N_("The batch is not final yet.")
        if not self.facts.has_body:
            return N_("The file is past its retention, so the pharmacy must send it again.")
        if any(batch.kind is BatchKind.REPLAY and batch.status not in FINAL for batch in self.operations):
            return N_("It is being replayed already.")
        return ""
