"""Reader of small bodies: the records of claimed batches that fit one chunk each."""

import asyncio
from collections.abc import Sequence

import structlog

from integrahub.db.batches.rows import SmallBatchClaim
from integrahub.db.batches.small_batch import SmallBatch
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.formats import BodySlice
from integrahub.domain.chunks.index import SeenProducts
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.kernel_reader import create_run_reader
from integrahub.domain.parsing.raw_records import CutRecords, OversizeRecord, RawRecords
from integrahub.pipeline.split.chunker import MAX_UNREADABLE, SplitLimits
from integrahub.storage.base import ObjectMissing, Storage
from integrahub.storage.bodies import StoredBody, decode_body

_READ_AT_ONCE_BYTES = 128 * 1024  # read at a time, until the body is known to have too many records
_log = structlog.get_logger()


class SmallBodies:
    """Reads the bodies of claimed batches, from their rows or from the storage."""

    def __init__(self, storage: Storage, dialect: RecordIdentifier, limits: SplitLimits) -> None:
        self._storage = storage
        self._dialect = dialect
        self._limits = limits

    async def read_all(self, claims: Sequence[SmallBatchClaim]) -> list[SmallBatch]:
        """Return the batches of pharmacies all of whose bodies can be read.

        So no batch overtakes an earlier one.
        """
        reads = [self._read_or_none(claim) for claim in claims]
        if any(claim.location for claim in claims):
            batches = await asyncio.gather(*reads)
        else:
            batches = [await read for read in reads]
        excluded = {claim.pharmacy_id for claim, batch in zip(claims, batches, strict=True) if batch is None}
        return [batch for batch in batches if batch and batch.claim.pharmacy_id not in excluded]

    async def _read_or_none(self, claim: SmallBatchClaim) -> SmallBatch | None:
        """Return a batch if its records fit one chunk and its body can be read."""
        try:
            body = StoredBody(claim.location, claim.body, claim.media_type, claim.encoding)
            return self._read(claim, b"".join([block async for block in decode_body(self._storage, body)]))
        except (BodyError, ObjectMissing):
            return None
        except Exception as error:  # one body must not fail the group; the normal path reports what is wrong
            _log.warning("small body not readable", action="read_small", batch=str(claim.id), exc_info=error)
            return None

    def _read(self, claim: SmallBatchClaim, content: bytes) -> SmallBatch | None:
        chunk, dialect = ChunkBuilder(), self._dialect
        seed = dialect.derive_seed(claim.load_type, claim.time_zone)
        cutter = dialect.kernel.create_cutter(seed, self._limits.max_record) if dialect.kernel else None
        reader = create_run_reader(claim.media_type, self._limits.max_record, cutter)
        is_cut = True
        for start in range(0, len(content) + _READ_AT_ONCE_BYTES, _READ_AT_ONCE_BYTES):
            block = content[start : start + _READ_AT_ONCE_BYTES]
            for run in reader.read(block) if block else reader.end():
                is_cut = is_cut and (isinstance(run, CutRecords) or not run.records)
                if not self._add(chunk, run, seed) or len(chunk.ids) > self._limits.chunk_size:
                    return None
        if not chunk.ids or chunk.ids.count(0) > MAX_UNREADABLE:  # perhaps no catalogue; the normal path decides that
            return None
        index, (start, length) = SeenProducts().add_chunk(chunk), chunk.extent()
        # A part of the body saves putting records together.
        own = BodySlice(content[start : start + length], claim.media_type, start, 0) if is_cut else chunk.to_object()
        return SmallBatch(claim, index, own, (start, length))

    def _add(self, chunk: ChunkBuilder, run: RawRecords | CutRecords, seed: int) -> bool:
        """Add records to the chunk. Return False if one of them is too long."""
        if isinstance(run, CutRecords):
            chunk.extend_cut(len(chunk.ids), run)
            return True
        records = [record for record in run.records if not isinstance(record, OversizeRecord)]
        if records:
            ids, texts, hashes = self._dialect.identify_and_hash(records, seed)
            chunk.extend(len(chunk.ids), run.offsets, texts, ids, hashes)
        return len(records) == len(run.records)
