"""Plan of the faults of a soak test. Pure: the same seed, duration and kinds give the same plan."""

import random
from dataclasses import dataclass
from enum import StrEnum

_MEAN_PAUSES = 6.0, 25.0  # seconds between faults: in short runs and in long ones
_FAULTS_PER_RUN = 12  # in a short run, at least
_SPREAD = 0.5  # of the mean pause, to either side
_MAX_SECONDS = 10.0  # of a fault that lasts
_QUIET_START, _QUIET_END = 0.08, 0.9  # shares of the run without faults before and after
# After the last fault of a long run, every process lives long enough for its memory to be judged.
_LONG_SECONDS, _LONG_QUIET_END = 1800.0, 0.75


class FaultKind(StrEnum):
    """What fails."""

    KILL_WORKER = "kill a worker"
    FREEZE_WORKER = "freeze a worker"
    KILL_API = "kill an API process"
    RESTART = "restart all processes one by one"
    KILL_POSTGRES = "kill PostgreSQL"
    FREEZE_POSTGRES = "freeze PostgreSQL"
    CUT_POSTS = "cut connections in the middle of posts"
    KILL_KAFKA = "kill Kafka, and start it again"
    FREEZE_KAFKA = "freeze Kafka"
    FREEZE_S3 = "freeze the S3 server"


EMBEDDED = (
    FaultKind.KILL_WORKER,
    FaultKind.FREEZE_WORKER,
    FaultKind.KILL_API,
    FaultKind.RESTART,
    FaultKind.KILL_POSTGRES,
    FaultKind.FREEZE_POSTGRES,
    FaultKind.CUT_POSTS,
)
DISTRIBUTED = (*EMBEDDED, FaultKind.KILL_KAFKA, FaultKind.FREEZE_KAFKA, FaultKind.FREEZE_S3)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a second of the run. `seconds` is how long it lasts; `pick`, below 1, chooses among processes."""

    at: float
    kind: FaultKind
    seconds: float
    pick: float


def plan_faults(seed: int, seconds: float, kinds: tuple[FaultKind, ...]) -> list[Fault]:
    """Return the faults of a run in their order. Every kind occurs once before one occurs again."""
    draw = random.Random(seed)
    shortest, longest = _MEAN_PAUSES
    mean = max(shortest, min(longest, seconds / _FAULTS_PER_RUN))
    faults: list[Fault] = []
    bag: list[FaultKind] = []
    at = seconds * _QUIET_START
    while at < seconds * (_QUIET_END if seconds < _LONG_SECONDS else _LONG_QUIET_END):
        if not bag:
            bag = draw.sample(kinds, len(kinds))
        lasting = round(draw.uniform(1.0, min(_MAX_SECONDS, mean * _SPREAD)), 2)
        faults.append(Fault(round(at, 2), bag.pop(), lasting, draw.random()))
        at += draw.uniform(mean * (1 - _SPREAD), mean * (1 + _SPREAD))
    return faults
