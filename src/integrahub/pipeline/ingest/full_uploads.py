"""Uploads of FULLs in parts: keep the pharmacy's window open while a part is being uploaded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

import structlog

from integrahub.db.batches import full_uploads
from integrahub.db.database import Database
from integrahub.domain.errors import Transient

_UPLOAD_RENEW_INTERVAL_SECONDS = 10.0  # the window ignores an upload that was not renewed for 30 seconds
_log = structlog.get_logger()


@asynccontextmanager
async def keep_window_open(
    database: Database, pharmacy_id: int, batch_id: UUID, *, started: float, window_minutes: int
) -> AsyncIterator[None]:
    """Register the upload of a FULL and renew it while the block runs, so that no process closes the window.

    `started` is when the first byte came, in monotonic seconds.
    """
    if not await full_uploads.start(database, pharmacy_id, batch_id, monotonic() - started, window_minutes):
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
            _log.warning("finished upload still keeps its window open", action="finish_upload", error=str(error))


async def _renew(database: Database, pharmacy_id: int, batch_id: UUID) -> None:
    while True:
        await asyncio.sleep(_UPLOAD_RENEW_INTERVAL_SECONDS)
        try:
            await full_uploads.renew(database, pharmacy_id, batch_id)
        except Transient as error:
            _log.warning("upload not renewed", action="renew_upload", error=str(error))
