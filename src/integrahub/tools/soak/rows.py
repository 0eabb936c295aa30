"""Typed rows of a soak test: what the hub answers, and the report."""

import msgspec


class ListedBatch(msgspec.Struct, frozen=True):
    """A batch as the hub lists it."""

    batch_id: str
    cnpj: str
    status: str
    items_total: int
    items_processed: int


class HubProcess(msgspec.Struct, frozen=True):
    """A process of the supervisor. `pid` is None while it does not run."""

    name: str
    step: str
    pid: int | None

    @property
    def short_name(self) -> str:
        """Return the name without that of the machine."""
        return self.name.partition(" ")[2]


class ProcessMemory(msgspec.Struct, frozen=True):
    """Megabytes of one process, from its start to its end in seconds of the run.

    `warm_mb`, `half_mb` and `growth` are of a process that lived long enough: after its warm-up, in the middle of what
    followed, and from there to the end, as a share.
    """

    process: str
    pid: int
    start: int
    end: int
    start_mb: float
    warm_mb: float | None
    half_mb: float | None
    end_mb: float | None
    growth: float | None


class ProcessStarts(msgspec.Struct, frozen=True):
    """How often a process was started again, and at which seconds of the run."""

    process: str
    restarts: int
    seconds: str


class AlertSpan(msgspec.Struct, frozen=True):
    """An alert that was pending or firing between two seconds of the run. `end`: None if it was still active.

    `after`: the last fault that began before.
    """

    alert: str
    labels: str
    state: str
    start: float
    end: float | None
    after: str = ""


class UnexpectedAnswer(msgspec.Struct, frozen=True):
    """An answer that no fault explains, the second at which it came, and how long the client had waited."""

    at: float
    request: str
    answer: str
    waited: float


class AccountCounts(msgspec.Struct, frozen=True):
    """Counts of an account, with the first differences in words."""

    lost: int
    doubled: int
    incomplete: int
    unaccounted: int
    first: list[str]


class WebhookCounts(msgspec.Struct, frozen=True):
    """Events that arrived, and batches of which none did."""

    events: int
    missing: int


class InjectedFault(msgspec.Struct, frozen=True):
    """A fault at a second of the run, how long it lasted, and what it hit."""

    at: float
    fault: str
    seconds: float
    hit: str


class AnswerCount(msgspec.Struct, frozen=True):
    """How often clients got an answer or a broken connection."""

    answer: str
    count: int


class StateSeconds(msgspec.Struct, frozen=True):
    """Seconds in which `/health` showed a state, or the console asked attention for something."""

    state: str
    seconds: int


class RunFacts(msgspec.Struct, frozen=True):
    """What ran, where and when. `hub`: embedded or distributed."""

    version: str
    machine: str
    started_at: str
    hours: float
    seed: int
    hub: str


class MemoryReport(msgspec.Struct, frozen=True):
    """Memory of the processes, and how often each was started again."""

    processes: list[ProcessMemory]
    restarts: list[ProcessStarts]


class AlertReport(msgspec.Struct, frozen=True):
    """Alerts that were pending or firing. `note`: how they were watched, or why not."""

    is_watched: bool
    note: str
    spans: list[AlertSpan]


class SoakReport(msgspec.Struct, frozen=True):
    """Report of a run. `answers`, `health` and `attention`: counts by name."""

    run: RunFacts
    is_passed: bool
    batches: int
    records: int
    accounts: AccountCounts
    refusals: list[str]
    answers: dict[str, int]
    unexpected: list[UnexpectedAnswer]
    webhooks: WebhookCounts
    faults: list[InjectedFault]
    health: dict[str, int]
    attention: dict[str, int]
    memory: MemoryReport
    alerts: AlertReport
