"""Body splitter: read the body of a claimed batch and cut it into staged chunks."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import msgspec

from integrahub.db.batches.rows import SplitClaim
from integrahub.db.database import Database
from integrahub.domain.batches import BatchKind, LoadType
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.pipeline.split.chunker import Chunker, SplitLimits
from integrahub.pipeline.split.frame_readers import FrameReaders
from integrahub.pipeline.split.staged_chunks import ChunkPlan
from integrahub.pipeline.split.unchanged_filter import UnchangedFilter
from integrahub.storage.base import Storage
from integrahub.storage.bodies import StoredBody, decode_body
from integrahub.storage.framed import is_framed


@dataclass(frozen=True, slots=True)
class BodySplitter:
    """Where bodies are read from, and how they are cut."""

    database: Database
    storage: Storage
    dialect: RecordIdentifier
    limits: SplitLimits
    frame_readers: FrameReaders | None = None  # None: chunks of framed bodies are objects

    @asynccontextmanager
    async def split(self, claim: SplitClaim) -> AsyncIterator[Chunker]:
        """Cut the body of a batch, and keep its staged chunks while the block runs.

        Raise BodyError if the body cannot be read, ObjectMissing if it is no longer stored.
        """
        if is_framed(claim.location) and self.frame_readers and await self.frame_readers.are_all_current():
            claim = msgspec.structs.replace(claim, encoding="")  # any part of its text can be read alone
        body = StoredBody(claim.location, claim.body, claim.media_type, claim.encoding)
        read_blocks = partial(decode_body, self.storage, body)
        async with AsyncExitStack() as resources:
            unchanged_filter = None
            if _is_compared(claim):
                unchanged_filter = UnchangedFilter[ChunkPlan](self.database, claim.pharmacy_id)
                resources.push_async_callback(unchanged_filter.close)
            chunker = Chunker(claim, self.limits, self.storage, read_blocks, unchanged_filter, self.dialect)
            resources.callback(chunker.close)
            await chunker.run()
            yield chunker


def _is_compared(claim: SplitClaim) -> bool:
    """Return whether records are compared with the table: most of a FULL equals it, a DELTA holds only changes."""
    is_full = claim.kind in (BatchKind.LOAD, BatchKind.DRY_RUN) and claim.load_type is LoadType.FULL
    return is_full and claim.has_products and claim.has_turn
