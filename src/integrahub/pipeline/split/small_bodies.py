"""Reader of small bodies: the records of claimed batches that fit one chunk each."""

import asyncio
from collections.abc import Iterator, Sequence

import structlog

from integrahub.db.batches.rows import SmallBatchClaim
from integrahub.db.batches.small_batch import SmallBatch
from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.chunks.formats import BodySlice
from integrahub.domain.chunks.index import SeenProducts
from integrahub.domain.dialects.base import RecordIdentifier
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.kernel_reader import CutStatus, RecordCutter, create_run_reader
from integrahub.domain.parsing.raw_records import CutRecords, OversizeRecord, RawRecords
from integrahub.pipeline.split.chunker import MAX_UNREADABLE, SplitLimits
from integrahub.storage.base import ObjectMissing, Storage
from integrahub.storage.bodies import StoredBody, decode_body

_READ_AT_ONCE_BYTES = 128 * 1024  # read at a time, until the body is known to have too many records
_MAX_CUTTERS = 16  # 50 kB each; one for each load type and time zone
_log = structlog.get_logger()


class SmallBodies:
    """Reads the bodies of claimed batches, from their rows or from the storage."""

    def __init__(self, storage: Storage, dialect: RecordIdentifier, limits: SplitLimits) -> None:
        self._storage = storage
        self._dialect = dialect
        self._limits = limits
        self._cutters: dict[int, RecordCutter] = {}  # by seed

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
            if claim.body is not None and not claim.encoding:
                return self._read(claim, claim.body)
            body = StoredBody(claim.location, claim.body, claim.media_type, claim.encoding)
            return self._read(claim, b"".join([block async for block in decode_body(self._storage, body)]))
        except (BodyError, ObjectMissing):
            return None
        except Exception as error:  # one body must not fail the group; the normal path reports what is wrong
            _log.warning("small body not readable", action="read_small", batch=str(claim.id), exc_info=error)
            return None

    def _read(self, claim: SmallBatchClaim, content: bytes) -> SmallBatch | None:
        chunk, is_cut = ChunkBuilder(), True
        seed = self._dialect.derive_seed(claim.load_type, claim.time_zone)
        for run in self._read_runs(content, claim.media_type, self._find_cutter(seed)):
            is_cut = is_cut and (isinstance(run, CutRecords) or not run.records)
            if not self._add(chunk, run, seed) or len(chunk.ids) > self._limits.chunk_size:
                return None
        if not chunk.ids or chunk.ids.count(0) > MAX_UNREADABLE:  # perhaps no catalogue; the normal path decides that
            return None
        index, (start, length) = SeenProducts().add_chunk(chunk), chunk.extent()
        # A part of the body saves putting records together.
        own = BodySlice(content[start : start + length], claim.media_type, start, 0) if is_cut else chunk.to_object()
        return SmallBatch(claim, index, own, (start, length))

    def _find_cutter(self, seed: int) -> RecordCutter | None:
        """Return the cutter for a seed, kept from an earlier body; None without a kernel."""
        cutter, kernel = self._cutters.get(seed), self._dialect.kernel
        if cutter is None and kernel is not None:
            if len(self._cutters) >= _MAX_CUTTERS:
                self._cutters.clear()
            cutter = self._cutters[seed] = kernel.create_cutter(seed, self._limits.max_record)
        return cutter

    def _read_runs(
        self, content: bytes, media_type: str, cutter: RecordCutter | None
    ) -> Iterator[RawRecords | CutRecords]:
        """Yield the records of a body: all at once if the kernel cuts the whole array, else part by part."""
        if cutter and content[:1] == b"[" and "ndjson" not in media_type:
            result = cutter.cut(content, 0, 1, at_record=True)
            if result.records and result.status is CutStatus.ARRAY_ENDED and content[result.end :] == b"]":
                yield result.records
                return
        reader = create_run_reader(media_type, self._limits.max_record, cutter)
        for start in range(0, len(content), _READ_AT_ONCE_BYTES):
            yield from reader.read(content[start : start + _READ_AT_ONCE_BYTES])
        yield from reader.end()

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
