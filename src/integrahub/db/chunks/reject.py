"""Rejection of a whole chunk: an issue for each record, and no product.

The dialect rejects single records; the merge rejects rows that PostgreSQL refuses.
"""

from integrahub.db.database import Connection
from integrahub.db.products import record_issues
from integrahub.db.products.chunk_merge import ChunkToApply
from integrahub.domain.dialects.decode import ChunkDecoder
from integrahub.domain.products import ChunkCounters, RecordIssue


async def reject_chunk(connection: Connection, chunk: ChunkToApply, code: str, decoder: ChunkDecoder) -> ChunkCounters:
    """Report every record of a chunk with the issue `code`; return its counters. The caller holds the chunk's lock."""
    records, id_key = chunk.records.to_object(), decoder.dialect.keys.product_id
    issues = [
        RecordIssue(records.positions[slot], records.offsets[slot], "rejected", str(product_id), id_key, code, "")
        for slot, product_id in enumerate(chunk.ids)
    ]
    await record_issues.insert(connection, chunk.batch_id, chunk.number, decoder.label(issues, records))
    return ChunkCounters(rejected=len(chunk.ids))
