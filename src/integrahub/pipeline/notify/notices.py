"""Events that no batch causes: silent pharmacies, and keys that expire soon."""

from collections.abc import Callable
from time import monotonic

from integrahub.db.database import Database
from integrahub.db.webhooks import claims, notices

_MIN_INTERVAL_SECONDS = 60.0  # between searches for silent pharmacies
_DURATION_FACTOR = 20.0  # the interval is at least this multiple of the duration of the last search
_KEYS_INTERVAL_SECONDS = 3600.0


class Notices:
    """Insert the webhooks of such events, and hold those of endpoints that are disabled."""

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._silences_due_at = 0.0
        self._keys_due_at = 0.0

    async def __call__(self) -> None:
        """Run once."""
        await claims.disable_ended(self._database)
        await claims.hold_disabled(self._database)
        started = self._clock()
        if started >= self._silences_due_at:
            await notices.insert_silences(self._database)
            duration = self._clock() - started
            self._silences_due_at = started + max(_MIN_INTERVAL_SECONDS, _DURATION_FACTOR * duration)
        if started >= self._keys_due_at:
            await notices.insert_expiring_keys(self._database)
            self._keys_due_at = started + _KEYS_INTERVAL_SECONDS
