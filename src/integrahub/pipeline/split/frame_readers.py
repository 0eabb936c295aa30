"""Readers of framed bodies: whether every process that may read their chunks knows frames."""

from time import monotonic

from integrahub.db.database import Database
from integrahub.db.monitoring import workers

_TTL_SECONDS = 5.0  # the interval of heartbeats


class FrameReaders:
    """Look for processes of versions that read a slice of a framed body as if it were text: those before 0.3.

    Those read whole framed bodies, and chunks that are objects. The answer is cached.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at = float("-inf")
        self._are_all_current = False

    async def are_all_current(self) -> bool:
        """Return False within an hour after the last such process: a rollout may go back to its version."""
        if monotonic() - self._looked_at > _TTL_SECONDS:
            self._are_all_current = not await workers.is_upgrade_recent(self._database)
            self._looked_at = monotonic()
        return self._are_all_current
