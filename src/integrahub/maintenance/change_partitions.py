"""Keeps the partitions of the record of changes: makes those of the coming week, drops those that are old enough."""

from integrahub.db.changes import partitions
from integrahub.db.database import Database


class ChangePartitions:
    """Make and drop partitions. Several processes may run it at once.

    `history_days` is how long changes are kept, `stock_history_days` how long those of the stock alone.
    """

    def __init__(self, database: Database, history_days: int, stock_history_days: int) -> None:
        self._database = database
        self._history_days = history_days
        self._stock_history_days = stock_history_days

    async def __call__(self) -> None:
        """Run once. Each partition is dropped in a separate transaction, which holds writers up for an instant."""
        await partitions.make_ahead(self._database)
        while await partitions.drop_expired(self._database, self._history_days, self._stock_history_days):
            continue
