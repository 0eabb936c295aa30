"""Runs the reconciliation at an interval and logs each batch whose counts differ."""

import structlog

from integrahub.db.database import Database
from integrahub.db.monitoring import reconciliation, workers

_log = structlog.get_logger()


class Reconciliation:
    """Compare counts of the same records, taken at different places; also delete workers without a heartbeat."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """Run once."""
        await workers.prune(self._database)
        for batch in await reconciliation.reconcile(self._database):
            _log.error(
                "counts of a batch differ, records are unaccounted for",
                action="reconcile",
                batch=str(batch.batch_id),
                cnpj=batch.cnpj,
                records=batch.records,
            )
