"""The rhythm of a pharmacy's posts, and the state of the pharmacy that follows from it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from integrahub.domain.batches import BatchStatus

MIN_POSTS = 5  # with fewer, there is no rhythm yet
SILENCE_FACTOR = 1.5  # of the longest gap
MIN_SILENCE = timedelta(hours=1)
MAX_SILENCE = timedelta(days=14)  # after the silence began; then the pharmacy counts as closed


class PharmacyState(StrEnum):
    """What an operator should know of a pharmacy first; the earlier member comes first in lists."""

    FAILING = "failing"  #: Its latest load failed as a whole.
    SILENT = "silent"  #: It has not posted for unusually long.
    HELD = "held"  #: A deactivation waits for a decision.
    NEW = "new"  #: It has never posted.
    OK = "ok"  #: It posts as usual.
    STOPPED = "stopped"  #: It has been silent for more than two weeks.


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The latest posts of a pharmacy, at most 50: their number, the last one, the usual and the longest gap."""

    posts: int
    last_at: datetime | None
    usual: timedelta | None
    longest: timedelta | None

    @property
    def silence_limit(self) -> timedelta | None:
        """Time without a post after which the pharmacy is silent; None if it has no rhythm yet."""
        if self.posts < MIN_POSTS or self.longest is None:
            return None
        return max(MIN_SILENCE, SILENCE_FACTOR * self.longest)

    def is_silent(self, now: datetime) -> bool:
        """Return whether the last post is unusually long ago, but not so long that the pharmacy counts as closed."""
        return self._is_overdue(now) and not self.is_stopped(now)

    def is_stopped(self, now: datetime) -> bool:
        """Return whether the pharmacy has been silent for so long that it counts as closed."""
        if self.last_at is None or self.longest is None or not self._is_overdue(now):
            return False
        return now - self.last_at >= SILENCE_FACTOR * self.longest + MAX_SILENCE

    def _is_overdue(self, now: datetime) -> bool:
        limit = self.silence_limit
        return limit is not None and self.last_at is not None and now - self.last_at > limit


def list_states(rhythm: Rhythm, last_status: BatchStatus | None, held: int, now: datetime) -> list[PharmacyState]:
    """Return all states of a pharmacy, the most urgent first; OK only alone.

    `last_status` is that of its latest final load, `held` the number of its held deactivations.
    """
    conditions = {
        PharmacyState.FAILING: last_status is BatchStatus.FAILED and not rhythm.is_stopped(now),
        PharmacyState.SILENT: rhythm.is_silent(now),
        PharmacyState.HELD: held > 0,
        PharmacyState.NEW: rhythm.last_at is None,
        PharmacyState.STOPPED: rhythm.is_stopped(now),
    }
    return [state for state, is_met in conditions.items() if is_met] or [PharmacyState.OK]
