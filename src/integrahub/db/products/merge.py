"""Merge of chunks into `products`: probe, decode what differs, COPY new rows, update existing ones."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from integrahub.db.arrays import as_text
from integrahub.db.database import Connection
from integrahub.db.products import record_issues, unknown_fields
from integrahub.db.products.bisect import WriteRows, write_all
from integrahub.db.products.rows import MergeCount, ProbeResult
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column
from integrahub.domain.batches import LoadType
from integrahub.domain.chunks.formats import Chunk
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext, Line, RecordKeys
from integrahub.domain.products import ChunkCounters, RecordIssue

_SQL = load_queries(__name__)


class MergeRules(msgspec.Struct, frozen=True):
    """How records become products, and whether the record of changes keeps the values of changed columns."""

    decoder: ChunkDecoder
    history: bool = True


class ChunkToApply(msgspec.Struct, frozen=True):
    """A locked chunk with its records. `ids` and `hashes` are by slot; a negative id belongs to a later chunk.

    `has_products` is False only if the pharmacy had no product before this transaction. `fills_catalogue` is True if
    the pharmacy had none before the turn of this batch, whose number is `seq`.
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
    ids: list[int]
    hashes: list[int]
    records: Chunk


async def merge_chunks(
    connection: Connection, chunks: Sequence[ChunkToApply], rules: MergeRules, write_rows: WriteRows = write_all
) -> list[ChunkCounters]:
    """Write the changes of chunks and return the counters of each. The caller holds the chunks' locks and commits.

    No product is in two of the chunks. `write_bisecting` is only for a single chunk. Raise InvalidData if PostgreSQL
    refuses a row that `write_rows` does not bisect, or if a product exists although `has_products` is False.
    """
    merges = await write_chunks(connection, chunks, rules, write_rows)
    counters = [await merge.finish(connection) for merge in merges]
    await unknown_fields.add(connection, [(merge.chunk.pharmacy_id, merge.unknown) for merge in merges])
    return counters


async def write_chunks(
    connection: Connection, chunks: Sequence[ChunkToApply], rules: MergeRules, write_rows: WriteRows = write_all
) -> list["ChunkMerge"]:
    """Write the products of chunks as `merge_chunks` does, without the issues of their records."""
    await connection.execute(_SQL["force_index_plan"])
    probes = await _probe(connection, chunks)
    merges = [ChunkMerge(chunk, probe, rules.decoder) for chunk, probe in zip(chunks, probes, strict=True)]
    await _insert(connection, merges, write_rows)
    await _record_inserted(connection, merges, rules)
    for load_type in LoadType:
        part = [merge for merge in merges if merge.load_type == load_type]
        await _merge(connection, part, rules, write_rows)
    return merges


async def _probe(connection: Connection, chunks: Sequence[ChunkToApply]) -> list[ProbeResult]:
    may_exist = await _may_exist(connection, chunks)
    probed = [chunk for chunk, is_probed in zip(chunks, may_exist, strict=True) if is_probed]
    params = {
        "ids": [as_text(chunk.ids) for chunk in probed],
        "hashes": [as_text(chunk.hashes) for chunk in probed],
        "pharmacies": [chunk.pharmacy_id for chunk in probed],
    }
    results = iter(await fetch_all(connection, _SQL["probe"], params, ProbeResult, binary=True) if probed else [])
    return [next(results) if is_probed else _all_new(chunk) for chunk, is_probed in zip(chunks, may_exist, strict=True)]


async def _may_exist(connection: Connection, chunks: Sequence[ChunkToApply]) -> list[bool]:
    """Return for each chunk whether its pharmacy has products between the smallest and the largest id of the chunk."""
    if not any(chunk.has_products for chunk in chunks):
        return [False] * len(chunks)
    params = {
        "pharmacies": [chunk.pharmacy_id for chunk in chunks],
        "least": [min(map(abs, chunk.ids)) for chunk in chunks],
        "most": [max(map(abs, chunk.ids)) for chunk in chunks],
    }
    return await fetch_column(connection, _SQL["any_between"], params, bool)


def _all_new(chunk: ChunkToApply) -> ProbeResult:
    return ProbeResult([slot for slot, product_id in enumerate(chunk.ids) if product_id >= 0], [], [])


class ChunkMerge:
    """Rows to write of one chunk, and what becomes of its records."""

    def __init__(self, chunk: ChunkToApply, probe: ProbeResult, decoder: ChunkDecoder) -> None:
        ids = chunk.ids
        self.load_type = chunk.load_type
        self.chunk = chunk
        self._decoder = decoder
        self._differing = probe.differing
        existing = {ids[slot] for slot in probe.existing}
        self._inactive = {ids[slot] for slot in probe.inactive}
        owner = f"{chunk.pharmacy_id}\t{chunk.batch_id}\t"
        context = DecodeContext(chunk.cnpj, chunk.load_type, ZoneInfo(chunk.time_zone), owner)
        new = {ids[slot] for slot in probe.differing} - existing if existing else set(ids)
        decoded = decoder.decode(chunk.records, probe.differing, RecordKeys(ids, chunk.hashes), new, context)
        _refuse_repeats(decoded.lines)
        self.new_lines = [line for line in decoded.lines if line[0] not in existing] if existing else decoded.lines
        self.existing_lines = [line for line in decoded.lines if line[0] in existing] if existing else []
        self._issues: list[RecordIssue] = list(decoded.issues)
        self._merged = decoded.merged
        self.unknown = decoded.unknown
        self._rejected = decoded.rejected
        self.inserted = len(self.new_lines)
        self.updated = self._compared = self._reactivated = 0

    def reject(self, lines: Sequence[Line]) -> None:
        """Report the records of lines that PostgreSQL refused."""
        for product_id, _, slot in lines:
            records = self.chunk.records.to_object()
            position, offset = records.positions[slot], records.offsets[slot]
            self._issues.append(RecordIssue(position, offset, "rejected", str(product_id), "", "record_refused", ""))
            self._rejected += 1

    def finish_existing(self, refused: Sequence[Line]) -> None:
        """Report refused lines of existing products; count the products that were compared or became active again."""
        self.reject(refused)
        reactivated = self._inactive - {line[0] for line in refused}
        self._reactivated = sum(1 for line in self.existing_lines if line[0] in reactivated)
        self._compared = len(self.existing_lines) - len(refused)

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
            reactivated=self._reactivated,
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


def _refuse_repeats(lines: Sequence[Line]) -> None:
    """Raise ArithmeticError for two rows of one product: PostgreSQL would write one of them and count both."""
    if len({line[0] for line in lines}) < len(lines):
        times = Counter(line[0] for line in lines)
        raise ArithmeticError(f"more than one row of these products: {[i for i in times if times[i] > 1][:10]}")


async def _insert(connection: Connection, merges: Sequence[ChunkMerge], write_rows: WriteRows) -> None:
    async def write(lines: Sequence[Line]) -> None:
        await _copy(connection, "copy_new", [line[1] for line in lines])

    refused = await write_rows(connection, [line for merge in merges for line in merge.new_lines], write)
    merges[0].reject(refused)  # rows are refused one by one only if there is a single chunk
    merges[0].inserted -= len(refused)


async def _record_inserted(connection: Connection, merges: Sequence[ChunkMerge], rules: MergeRules) -> None:
    """Record the inserted products, except those of the first load into an empty catalogue.

    That load becomes one `reset`, which the transaction writes that makes the load final.
    """
    filled: dict[int, int] = {}  # by pharmacy, the number of its first load
    recorded = []
    for merge in merges:
        chunk = merge.chunk
        if merge.inserted and not (
            chunk.fills_catalogue and filled.setdefault(chunk.pharmacy_id, chunk.seq) == chunk.seq
        ):
            recorded.append(merge)
    if recorded:
        params = {
            "pharmacies": [merge.chunk.pharmacy_id for merge in recorded],
            "seqs": [merge.chunk.seq for merge in recorded],
            "ids": [as_text([line[0] for line in merge.new_lines]) for merge in recorded],
            "history": rules.history,
        }
        await connection.execute(_SQL["record_inserted"], params)


async def _merge(
    connection: Connection, merges: Sequence[ChunkMerge], rules: MergeRules, write_rows: WriteRows
) -> None:
    params = {"seqs": [merge.chunk.seq for merge in merges], "history": rules.history}

    async def write(lines: Sequence[tuple[int, Line]]) -> None:
        await connection.execute(_SQL["create_stage"])
        await connection.execute(_SQL["clear_stage"])
        await _copy(connection, "copy_stage", [f"{index}\t{line[1]}" for index, line in lines])
        statement = _SQL[f"merge_{merges[0].load_type}"]
        for count in await fetch_all(connection, statement, params, MergeCount):
            merges[count.chunk_index].updated += count.updated

    staged = [(index, line) for index, merge in enumerate(merges) for line in merge.existing_lines]
    refused = await write_rows(connection, staged, write)
    for index, merge in enumerate(merges):
        merge.finish_existing([line for refused_index, line in refused if refused_index == index])


async def _copy(connection: Connection, statement: str, lines: list[str]) -> None:
    async with connection.cursor().copy(_SQL[statement]) as copy:
        await copy.write("".join(lines).encode())
