"""Merge of chunks into `products`: probe, decode what differs, COPY new rows, update existing ones."""

from collections.abc import Mapping, Sequence

import msgspec

from integrahub.db.arrays import BINARY_COPY_HEADER, BINARY_COPY_TRAILER, as_text
from integrahub.db.database import Connection
from integrahub.db.products import unknown_fields
from integrahub.db.products.bisect import WriteRows, write_all
from integrahub.db.products.chunk_merge import ChunkMerge, ChunkToApply, assume_existing, assume_new, encode_rows
from integrahub.db.products.rows import InsertedProducts, MergeCount, ProbeResult
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_column
from integrahub.domain.batches import LoadType
from integrahub.domain.dialects.base import EncodedRows
from integrahub.domain.dialects.decode import ChunkDecoder, Line
from integrahub.domain.products import ChunkCounters

_SQL = load_queries(__name__)


class MergeRules(msgspec.Struct, frozen=True):
    """How records become products, and whether the record of changes keeps the values of changed columns."""

    decoder: ChunkDecoder
    history: bool = True


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
) -> list[ChunkMerge]:
    """Write the products of chunks as `merge_chunks` does, without the issues of their records."""
    await connection.execute(_SQL["force_index_plan"])
    merges = await _read_chunks(connection, chunks, rules, write_rows)
    await _insert(connection, merges, write_rows)
    await _record_inserted(connection, merges, rules)
    for load_type in LoadType:
        await _merge(connection, load_type, merges, rules, write_rows)
    return merges


async def _read_chunks(
    connection: Connection, chunks: Sequence[ChunkToApply], rules: MergeRules, write_rows: WriteRows
) -> list[ChunkMerge]:
    """Read the records of chunks that differ from the table, or all records of chunks without a probe."""
    is_encoded = write_rows is write_all  # rows that are bisected are lines of text
    assumed = _encode_unprobed(chunks, rules.decoder) if is_encoded else {}
    probes = iter(await _probe(connection, [chunk for index, chunk in enumerate(chunks) if index not in assumed]))
    merges = []
    for index, chunk in enumerate(chunks):
        if index in assumed:
            probe, rows = assume_existing(chunk), assumed[index]
            merges.append(ChunkMerge(chunk, probe, rules.decoder, rows, is_probed=False))
            continue
        probe = next(probes)
        encoded = encode_rows(chunk, probe, rules.decoder, index) if is_encoded else None
        merges.append(ChunkMerge(chunk, probe, rules.decoder, encoded))
    return merges


def _encode_unprobed(chunks: Sequence[ChunkToApply], decoder: ChunkDecoder) -> dict[int, EncodedRows]:
    """Return, by index, the rows of chunks that need no probe: FULLs whose every record the kernel reads.

    A row of a FULL may be inserted as it was staged. One of a DELTA may not, since it leaves columns as they are.
    """
    unprobed = {}
    for index, chunk in enumerate(chunks):
        if chunk.is_probed or not chunk.has_products or chunk.load_type is not LoadType.FULL:
            continue
        if rows := encode_rows(chunk, assume_existing(chunk), decoder, index):
            unprobed[index] = rows
    return unprobed


async def _probe(connection: Connection, chunks: Sequence[ChunkToApply]) -> list[ProbeResult]:
    may_exist = await _may_exist(connection, chunks)
    probed = [chunk for chunk, is_probed in zip(chunks, may_exist, strict=True) if is_probed]
    results = iter(await _probe_records(connection, probed) if probed else [])
    return [
        next(results) if is_probed else assume_new(chunk) for chunk, is_probed in zip(chunks, may_exist, strict=True)
    ]


async def _probe_records(connection: Connection, chunks: Sequence[ChunkToApply]) -> list[ProbeResult]:
    params: dict[str, object] = {"pharmacies": [chunk.pharmacy_id for chunk in chunks]}
    if all(chunk.is_stored for chunk in chunks):
        params |= {"batches": [chunk.batch_id for chunk in chunks], "numbers": [chunk.number for chunk in chunks]}
        return await fetch_all(connection, _SQL["probe_stored"], params, ProbeResult, binary=True)
    params |= {
        "ids": [as_text(chunk.ids) for chunk in chunks],
        "hashes": [as_text(chunk.hashes) for chunk in chunks],
    }
    return await fetch_all(connection, _SQL["probe"], params, ProbeResult, binary=True)


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


async def _insert(connection: Connection, merges: Sequence[ChunkMerge], write_rows: WriteRows) -> None:
    async def write(lines: Sequence[Line]) -> None:
        await _copy(connection, "copy_new", [line[1] for line in lines])

    if rows := [merge.rows.new for merge in merges if merge.rows and merge.rows.new]:
        await _copy_binary(connection, "copy_new_binary", rows)
    refused = await write_rows(connection, [line for merge in merges for line in merge.new_lines], write)
    merges[0].reject_new(refused)  # rows are refused one by one only if there is a single chunk


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
            "batches": [merge.chunk.batch_id for merge in recorded],
            "ids": [as_text(merge.new_ids) for merge in recorded],
        }
        statement = _SQL["record_inserted"] if rules.history else _SQL["record_inserted_ids"]
        await connection.execute(statement, params)


async def _merge(
    connection: Connection,
    load_type: LoadType,
    merges: Sequence[ChunkMerge],
    rules: MergeRules,
    write_rows: WriteRows,
) -> None:
    """Merge the chunks of one load type. The index of a chunk is that among all chunks of the transaction."""
    parts = {index: merge for index, merge in enumerate(merges) if merge.load_type is load_type}
    params = {"seqs": [merge.chunk.seq for merge in merges], "history": rules.history}

    async def write(lines: Sequence[tuple[int, Line]]) -> None:
        await connection.execute(_SQL["create_stage"])
        await connection.execute(_SQL["clear_stage"])
        if encoded:
            await _copy_binary(connection, "copy_stage_binary", encoded)
        if lines:
            await _copy(connection, "copy_stage", [f"{index}\t{line[1]}" for index, line in lines])
        for count in await fetch_all(connection, _SQL[f"merge_{load_type}"], params, MergeCount):
            merges[count.chunk_index].updated += count.updated
            merges[count.chunk_index].reactivated += count.reactivated

    encoded = [merge.rows.staged for merge in parts.values() if merge.rows and merge.rows.staged]
    staged = [(index, line) for index, merge in parts.items() for line in merge.existing_lines]
    if encoded:  # then `write_rows` writes all
        await write(staged)
    refused = [] if encoded else await write_rows(connection, staged, write)
    for index, merge in parts.items():
        merge.finish_existing([line for refused_index, line in refused if refused_index == index])
    await _insert_missing(
        connection, {index: merge for index, merge in parts.items() if merge.may_miss_products}, rules
    )


async def _insert_missing(connection: Connection, merges: Mapping[int, ChunkMerge], rules: MergeRules) -> None:
    """Insert the products that chunks without a probe staged, and that do not exist."""
    if not merges:
        return
    inserted = await fetch_all(connection, _SQL["insert_missing"], {"chunks": list(merges)}, InsertedProducts)
    for chunk in inserted:
        merges[chunk.chunk_index].add_missing(chunk.ids)
    await _record_inserted(connection, [merges[chunk.chunk_index] for chunk in inserted], rules)


async def _copy_binary(connection: Connection, statement: str, rows: Sequence[memoryview]) -> None:
    async with connection.cursor().copy(_SQL[statement]) as copy:
        await copy.write(BINARY_COPY_HEADER)
        for part in rows:
            await copy.write(part)
        await copy.write(BINARY_COPY_TRAILER)


async def _copy(connection: Connection, statement: str, lines: list[str]) -> None:
    async with connection.cursor().copy(_SQL[statement]) as copy:
        await copy.write("".join(lines).encode())
