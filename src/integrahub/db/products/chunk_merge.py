"""Merge of one chunk: its rows, made by the kernel or in Python, and what becomes of its records."""

from array import array
from collections import Counter
from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from integrahub.db.database import Connection
from integrahub.db.products import record_issues
from integrahub.db.products.rows import ProbeResult
from integrahub.domain.batches import LoadType
from integrahub.domain.chunks.formats import Chunk
from integrahub.domain.dialects.base import EncodedRows, RowAction, RowOwner
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext, Line, RecordKeys
from integrahub.domain.products import ChunkCounters, RecordIssue


class ChunkToApply(msgspec.Struct, frozen=True):
    """A locked chunk with its records. `ids` and `hashes` are by slot; a negative id belongs to a later chunk.

    `has_products` is False only if the pharmacy had no product before this transaction. `fills_catalogue` is True if
    the pharmacy had none before the turn of this batch, whose number is `seq`. `may_use_kernel` is False after a crash
    of the chunk or of its batch, or a failed attempt, which a fault of the kernel may have caused. If `is_stored`, a
    row of `batch_chunks` holds `ids` and `hashes`. If not `is_probed`, nearly all of its products are expected to exist
    and to have changed.
    """

    batch_id: UUID
    number: int
    pharmacy_id: int
    seq: int
    fills_catalogue: bool
    cnpj: str
    load_type: LoadType
    time_zone: str
    has_products: bool
    ids: "array[int]"
    hashes: "array[int]"
    records: Chunk
    may_use_kernel: bool = False
    is_stored: bool = False
    is_probed: bool = True


def assume_existing(chunk: ChunkToApply) -> ProbeResult:
    """Return a result as if every product of the chunk existed and differed."""
    own = _list_own(chunk)
    return ProbeResult(own, own)


def assume_new(chunk: ChunkToApply) -> ProbeResult:
    """Return a result as if no product of the chunk existed."""
    return ProbeResult(_list_own(chunk), [])


def _list_own(chunk: ChunkToApply) -> list[int]:
    """Return the slots of the records that the chunk applies."""
    return [slot for slot, product_id in enumerate(chunk.ids) if product_id >= 0]


def encode_rows(chunk: ChunkToApply, probe: ProbeResult, decoder: ChunkDecoder, index: int) -> EncodedRows | None:
    """Return the rows of a chunk's differing records, if the kernel reads the chunk."""
    if not chunk.may_use_kernel or not probe.differing:
        return None
    update = RowAction.UPDATE_FULL if chunk.load_type is LoadType.FULL else RowAction.UPDATE_DELTA
    actions = bytearray(len(chunk.ids))
    for slots, action in ((probe.differing, RowAction.INSERT), (probe.existing, update)):
        if len(slots) == len(actions):
            actions = bytearray([action]) * len(actions)
            continue
        for slot in slots:
            actions[slot] = action
    keys, owner = RecordKeys(chunk.ids, chunk.hashes), RowOwner(chunk.pharmacy_id, chunk.batch_id, chunk.cnpj, index)
    return decoder.encode(chunk.records, keys, bytes(actions), owner)


class ChunkMerge:
    """Rows to write of one chunk, and what becomes of its records. Without `rows` of the kernel, Python decodes them.

    `new_ids` are the ids of the products to insert. If the probe is only assumed (not `is_probed`), products that are
    staged may be missing from the table.
    """

    def __init__(
        self,
        chunk: ChunkToApply,
        probe: ProbeResult,
        decoder: ChunkDecoder,
        rows: EncodedRows | None = None,
        *,
        is_probed: bool = True,
    ) -> None:
        self.load_type = chunk.load_type
        self.chunk = chunk
        self.rows = rows
        self.is_probed = is_probed
        self._decoder = decoder
        self._differing = probe.differing
        self._encoded_existing = len(probe.existing) if rows else 0
        self.new_lines: list[Line] = []
        self.existing_lines: list[Line] = []
        self._issues: list[RecordIssue] = []
        self.unknown = Counter[str]()
        self._merged = self._rejected = self.updated = self._compared = self.reactivated = 0
        if rows is None:
            self._decode({chunk.ids[slot] for slot in probe.existing})
            self.new_ids = [line[0] for line in self.new_lines]
        else:
            self.new_ids = [chunk.ids[slot] for slot in _list_new(probe)]
        self.inserted = len(self.new_ids)

    def _decode(self, existing: set[int]) -> None:
        chunk, ids = self.chunk, self.chunk.ids
        owner = f"{chunk.pharmacy_id}\t{chunk.batch_id}\t"
        context = DecodeContext(chunk.cnpj, chunk.load_type, ZoneInfo(chunk.time_zone), owner)
        new = {ids[slot] for slot in self._differing} - existing if existing else set(ids)
        decoded = self._decoder.decode(chunk.records, self._differing, RecordKeys(ids, chunk.hashes), new, context)
        _refuse_repeats(decoded.lines)
        self.new_lines = [line for line in decoded.lines if line[0] not in existing] if existing else decoded.lines
        self.existing_lines = [line for line in decoded.lines if line[0] in existing] if existing else []
        self._issues = list(decoded.issues)
        self._merged = decoded.merged
        self.unknown = decoded.unknown
        self._rejected = decoded.rejected

    def reject(self, lines: Sequence[Line]) -> None:
        """Report the records of lines that PostgreSQL refused."""
        for product_id, _, slot in lines:
            records = self.chunk.records.to_object()
            position, offset = records.positions[slot], records.offsets[slot]
            self._issues.append(RecordIssue(position, offset, "rejected", str(product_id), "", "record_refused", ""))
            self._rejected += 1

    def reject_new(self, refused: Sequence[Line]) -> None:
        """Report refused lines of new products, which are not inserted."""
        self.reject(refused)
        ids = {line[0] for line in refused}
        self.new_ids = [product_id for product_id in self.new_ids if product_id not in ids]
        self.inserted = len(self.new_ids)

    def finish_existing(self, refused: Sequence[Line]) -> None:
        """Report refused lines of existing products, and count the products that were compared."""
        self.reject(refused)
        self._compared = self._encoded_existing or len(self.existing_lines) - len(refused)

    @property
    def may_miss_products(self) -> bool:
        """Return whether products may be missing that were staged without a probe. Each updated product exists."""
        return not self.is_probed and self.updated < self._compared

    def add_missing(self, ids: list[int]) -> None:
        """Count products as inserted that were staged but did not exist."""
        self.new_ids = ids
        self.inserted += len(ids)
        self._compared -= len(ids)

    async def finish(self, connection: Connection) -> ChunkCounters:
        """Insert the issues and return the counters. Raise ArithmeticError unless every record has a result."""
        issues = self._decoder.label(self._issues, self.chunk.records)
        await record_issues.insert(connection, self.chunk.batch_id, self.chunk.number, issues)
        ids = [product_id for product_id in self.chunk.ids if product_id >= 0]
        skipped, repeats = self._count_skipped(ids)
        counters = ChunkCounters(
            inserted=self.inserted,
            updated=self.updated,
            unchanged=self._compared - self.updated + skipped,
            merged=self._merged + repeats,
            rejected=self._rejected,
            reactivated=self.reactivated,
            warnings=sum(issue.severity == "warning" for issue in self._issues),
        )
        if counters.settled != len(ids):
            raise ArithmeticError(f"{len(ids)} records, {counters.settled} accounted for: {counters}")
        return counters

    def _count_skipped(self, ids: list[int]) -> tuple[int, int]:
        """Return how many products were unchanged by their hash, and how many more records these have."""
        if len(self._differing) == len(ids):
            return 0, 0
        differing = {self.chunk.ids[slot] for slot in self._differing} - {0}
        skipped = len({*ids} - {0}) - len(differing)
        return skipped, len(ids) - len(self._differing) - skipped


def _list_new(probe: ProbeResult) -> list[int]:
    """Return the slots of new products."""
    if len(probe.existing) == len(probe.differing):
        return []
    return sorted({*probe.differing} - {*probe.existing}) if probe.existing else probe.differing


def _refuse_repeats(lines: Sequence[Line]) -> None:
    """Raise ArithmeticError for two rows of one product: PostgreSQL would write one of them and count both."""
    if len({line[0] for line in lines}) < len(lines):
        times = Counter(line[0] for line in lines)
        raise ArithmeticError(f"more than one row of these products: {[i for i in times if times[i] > 1][:10]}")
