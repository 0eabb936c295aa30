"""The causes that a live update of their list shows: those of the page, in its order, wherever they would stand now.

A cause that fails again would move to the top. The update leaves it in its place, and counts those that are new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from integrahub.console.page_cursors import decode_cursor, read_time
from integrahub.db.console.failures_rows import Cause
from integrahub.domain import cursors

_MAX_CAUSES, _MAX_LENGTH = 51, 64  # of a page and the one after it; characters of a fingerprint


@dataclass(frozen=True, slots=True)
class HeldCauses:
    """The fingerprints that a page shows, and the time of the latest failure that it knew when it was opened."""

    opened: datetime
    fingerprints: Sequence[str]

    @classmethod
    def of(cls, causes: Sequence[Cause], now: datetime) -> "HeldCauses":
        """Hold the causes of a page; one that shows none knows all failures up to now."""
        return cls(max((cause.last_seen for cause in causes), default=now), [cause.fingerprint for cause in causes])


def hold_causes(held: HeldCauses) -> dict[str, str]:
    """Return the parameters of the live updates of a page of causes."""
    return {"top": cursors.encode(held.opened.isoformat()), "shown": ",".join(held.fingerprints)}


def read_held(query: Mapping[str, str]) -> HeldCauses | None:
    """Return the causes that a live update shows; None for a page that is opened."""
    opened = decode_cursor(query.get("top"), read_time)
    if opened is None:
        return None
    names = query.get("shown", "").replace("\0", "").split(",")[:_MAX_CAUSES]
    return HeldCauses(opened[0], [name[:_MAX_LENGTH] for name in names if name])
