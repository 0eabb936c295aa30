"""Retention of refusals: addresses are blanked after some days, rows deleted after 13 months."""

from integrahub.db.accounts import refusals
from integrahub.db.database import Database

_ROWS_PER_STATEMENT = 5_000


class RefusalRetention:
    """Blank addresses of refused posts after `address_days`, and delete old counts."""

    def __init__(self, database: Database, address_days: int) -> None:
        self._database = database
        self._address_days = address_days

    async def __call__(self) -> None:
        """Run once."""
        while await refusals.delete_old(self._database, _ROWS_PER_STATEMENT):
            continue
        while await refusals.blank_addresses(self._database, self._address_days, _ROWS_PER_STATEMENT):
            continue
