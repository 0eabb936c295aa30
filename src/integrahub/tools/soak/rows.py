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
    """Megabytes of a process at the start, half and end of a run. `growth`: in the second half, as a share."""

    process: str
    start_mb: float | None
    half_mb: float | None
    end_mb: float | None
    growth: float | None


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


class SoakReport(msgspec.Struct, frozen=True):
    """Report of a run. `answers`, `health` and `attention`: counts by name."""

    version: str
    machine: str
    started_at: str
    hours: float
    seed: int
    hub: str
    is_passed: bool
    batches: int
    records: int
    accounts: AccountCounts
    refusals: list[str]
    answers: dict[str, int]
    webhooks: WebhookCounts
    faults: list[InjectedFault]
    health: dict[str, int]
    attention: dict[str, int]
    memory: list[ProcessMemory]
