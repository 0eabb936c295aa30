"""Estimates of completion of the batches that clients read."""

from collections.abc import Iterable
from uuid import UUID

from integrahub.db.batches import estimates
from integrahub.db.database import Database
from integrahub.domain.views.batch import BatchReport
from integrahub.domain.views.estimate import Estimate, estimate_completion
from integrahub.resilience.ttl_cache import TtlCache

_FLEET_RATE_TTL_SECONDS = 10.0


class CompletionEstimates:
    """Estimate when batches become final. `fleet` sees all pharmacies: the rate of late is that of the whole hub."""

    def __init__(self, fleet: Database) -> None:
        self._fleet = fleet
        self._rates = TtlCache[None, tuple[float | None]](_FLEET_RATE_TTL_SECONDS, 1)

    async def __call__(self, database: Database, reports: Iterable[BatchReport]) -> dict[UUID, Estimate]:
        """Return the estimates of unfinished batches that `database` may see, as far as they can be made."""
        ids = [report.batch_id for report in reports if report.finished_at is None and report.items_total is not None]
        if not ids:
            return {}
        rate = await self._fleet_rate()
        paces = await estimates.find_paces(database, ids)
        made = {batch_id: estimate_completion(pace, rate) for batch_id, pace in paces.items()}
        return {batch_id: estimate for batch_id, estimate in made.items() if estimate}

    async def _fleet_rate(self) -> float | None:
        cached = self._rates.get(None)
        if cached is None:
            cached = (await estimates.find_fleet_rate(self._fleet),)
            self._rates.put(None, cached)
        return cached[0]
