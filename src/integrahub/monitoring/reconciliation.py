"""Reconcile: nothing vanishes, or it is told."""

import structlog

from integrahub.db.database import Database
from integrahub.db.monitoring import reconciliation as reconciliations
from integrahub.db.monitoring import workers

_log = structlog.get_logger()


class Reconciliation:
    """One round compares counts made apart and keeps what it found; workers long gone are forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """One round."""
        await workers.forget(self._database)
        for found in await reconciliations.reconcile(self._database):
            _log.error(
                "records of a batch are unaccounted for",
                action="reconcile",
                batch=str(found["batch_id"]),
                cnpj=found["cnpj"],
                records=found["records"],
            )
