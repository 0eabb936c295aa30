"""What asks for an act or a look: a list made of the rows of the overview, most urgent first. No I/O."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from integrahub.db.console.overview import OverviewRows
from integrahub.db.console.overview_rows import (
    ExpiringKey,
    FailedLoad,
    HeldDecision,
    HubState,
    OpenCause,
    SilentPharmacy,
    SuspendedWebhook,
)
from integrahub.domain.messages.message import Message
from integrahub.monitoring.dependencies import Checks

_STALE_SECONDS = 180.0  # without a count by any worker
_STALLED_SECONDS = 300.0  # that the oldest batch has waited without progress of any
_FULL_SHARE, _FILLING_SHARE = 0.95, 0.8
_KEY_ACT_DAYS = 3


class AttentionKind(StrEnum):
    """What an item is about; its `row` has the particulars."""

    DEPENDENCY = "dependency"  #: A dependency is unavailable.
    UNACCOUNTED = "unaccounted"  #: Counts of the same records differ.
    STALLED = "stalled"  #: Work waits and nothing is applied.
    UNCOUNTED = "uncounted"  #: No worker counts the figures of the hub.
    STORAGE = "storage"  #: Storage is nearly full.
    HELD = "held"  #: A deactivation waits for a decision.
    CAUSE = "cause"  #: Dead letters of a cause are open.
    FAILED = "failed"  #: The newest load of a pharmacy failed as a whole.
    SILENT = "silent"  #: A pharmacy does not post.
    WEBHOOK = "webhook"  #: A webhook endpoint is disabled.
    KEY = "key"  #: A key expires soon.


class Urgency(StrEnum):
    """What an item asks for."""

    ACT = "act"  #: An act by a person.
    LOOK = "look"  #: A look.


class FailingDependency(msgspec.Struct, frozen=True):
    """A dependency that is unavailable, and why."""

    name: str
    message: Message
    since: datetime | None


Row = (
    HeldDecision
    | OpenCause
    | FailedLoad
    | SilentPharmacy
    | SuspendedWebhook
    | ExpiringKey
    | FailingDependency
    | HubState
)


class AttentionItem(msgspec.Struct, frozen=True):
    """One thing that asks for attention since a time. The type of `row` follows from `kind`."""

    kind: AttentionKind
    urgency: Urgency
    since: datetime | None
    row: Row


def list_attention(rows: OverviewRows, dependencies: Checks) -> list[AttentionItem]:
    """Return what asks for attention: acts before looks, then in the order of AttentionKind, then the oldest first."""
    items = [*_of_hub(rows.state, dependencies), *_of_rows(rows)]
    kinds, urgencies = list(AttentionKind), list(Urgency)
    return sorted(
        items,
        key=lambda item: (
            urgencies.index(item.urgency),
            kinds.index(item.kind),
            (item.since or rows.state.now).timestamp(),
        ),
    )


def _of_hub(state: HubState, dependencies: Checks) -> Iterator[AttentionItem]:
    for name, check in dependencies.items():
        if not check.is_ok:
            failing = FailingDependency(name, check.message, check.failing_since)
            yield AttentionItem(AttentionKind.DEPENDENCY, Urgency.ACT, failing.since, failing)
    if state.unaccounted:
        yield AttentionItem(AttentionKind.UNACCOUNTED, Urgency.ACT, state.reconciled_at, state)
    if _is_stalled(state):
        yield AttentionItem(AttentionKind.STALLED, Urgency.ACT, state.oldest_at, state)
    if _is_uncounted(state):
        yield AttentionItem(AttentionKind.UNCOUNTED, Urgency.ACT, state.counted_at, state)
    if state.storage_capacity and state.storage_used is not None:
        share = state.storage_used / state.storage_capacity
        if share > _FILLING_SHARE:
            urgency = Urgency.ACT if share > _FULL_SHARE else Urgency.LOOK
            yield AttentionItem(AttentionKind.STORAGE, urgency, None, state)


def _is_stalled(state: HubState) -> bool:
    """Return whether batches wait and no record got a result for five minutes, though a worker counts."""
    if state.oldest_at is None or not state.backlog or _is_uncounted(state):
        return False
    return state.products_lately == 0 and (state.now - state.oldest_at).total_seconds() > _STALLED_SECONDS


def _is_uncounted(state: HubState) -> bool:
    """Return whether the figures are old. A hub that was never counted has just started, unless batches wait."""
    counted_at = state.counted_at or state.oldest_at
    return counted_at is not None and (state.now - counted_at).total_seconds() > _STALE_SECONDS


def _of_rows(rows: OverviewRows) -> Iterator[AttentionItem]:
    for held in rows.held:
        yield AttentionItem(AttentionKind.HELD, Urgency.ACT, held.held_at, held)
    for cause in rows.causes:
        yield AttentionItem(AttentionKind.CAUSE, Urgency.ACT, cause.first_at, cause)
    for failed in rows.failed:
        yield AttentionItem(AttentionKind.FAILED, Urgency.ACT, failed.finished_at, failed)
    for silent in rows.silent:
        yield AttentionItem(AttentionKind.SILENT, Urgency.LOOK, silent.last_at, silent)
    for webhook in rows.suspended:
        yield AttentionItem(AttentionKind.WEBHOOK, Urgency.LOOK, webhook.disabled_at, webhook)
    for key in rows.expiring:
        is_near = key.expires_at - rows.state.now < timedelta(days=_KEY_ACT_DAYS)
        yield AttentionItem(AttentionKind.KEY, Urgency.ACT if is_near else Urgency.LOOK, None, key)
