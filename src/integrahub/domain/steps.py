"""Steps that a worker can run, with the topics each consumes and its consumer groups."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from integrahub.domain.events import (
    BATCHES_FINISHED,
    BATCHES_RECEIVED,
    BATCHES_UPSERTED,
    CHUNKS_FAILED,
    CHUNKS_READY,
    MESSAGES_DEAD,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step by name; `groups` maps each topic it consumes to its consumer group. Periodic steps consume none."""

    name: str
    groups: Mapping[str, str] = field(default_factory=dict)


STEP_TABLE = (
    Step("split", {BATCHES_RECEIVED: "chunker-workers"}),
    Step("upsert", {CHUNKS_READY: "upsert-workers"}),
    Step("finish", {BATCHES_UPSERTED: "finish-workers"}),
    Step("notify", {BATCHES_FINISHED: "notify-workers"}),
    Step("sweep"),
    Step("failures", {CHUNKS_FAILED: "failure-workers", MESSAGES_DEAD: "dead-letter-workers"}),
    Step("reconcile"),
    Step("statistics"),
)
STEPS = tuple(step.name for step in STEP_TABLE)
HEARTBEAT_TIMEOUT_SECONDS = 20.0  #: A worker of a step without a heartbeat for this time counts as lost.
NOTIFY = "notify"  #: Runs in separate processes: it reaches out, and reads what signs webhooks.
CONSUMING_STEPS = tuple(step.name for step in STEP_TABLE if step.groups)
#: Consumer group by topic.
GROUPS = {topic: group for step in STEP_TABLE for topic, group in step.groups.items()}
#: Name of the consuming step by topic.
STEP_OF_TOPIC = {topic: step.name for step in STEP_TABLE for topic in step.groups}
