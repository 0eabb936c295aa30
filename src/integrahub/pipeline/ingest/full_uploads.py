"""While a part of a FULL is uploaded its window stays open: other processes see the upload in the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

import structlog

from integrahub.db.batches import full_uploads
from integrahub.db.database import Database
from integrahub.domain.errors import Transient

_RENEW_INTERVAL_SECONDS = 10.0  # seconds; the window stops waiting for an upload that was silent for 30
_log = structlog.get_logger()


@asynccontextmanager
async def keep_window_open(
    database: Database, pharmacy_id: int, batch_id: UUID, *, begun: float, window_minutes: int
) -> AsyncIterator[None]:
    """Keep the pharmacy's window open meanwhile. `begun`: monotonic seconds, of the first byte."""
    if not await full_uploads.start(database, pharmacy_id, batch_id, monotonic() - begun, window_minutes):
        yield
        return
    renewing = asyncio.create_task(_renew(database, pharmacy_id, batch_id))
    try:
        yield
    finally:
        renewing.cancel()
        try:
            await full_uploads.finish(database, pharmacy_id, batch_id)
        except Transient as error:
            _log.warning("a window waits for an upload that ended", action="finish_upload", error=str(error))


async def _renew(database: Database, pharmacy_id: int, batch_id: UUID) -> None:
    while True:
        await asyncio.sleep(_RENEW_INTERVAL_SECONDS)
        try:
            await full_uploads.renew(database, pharmacy_id, batch_id)
        except Transient as error:
            _log.warning("an upload could not be renewed", action="renew_upload", error=str(error))
