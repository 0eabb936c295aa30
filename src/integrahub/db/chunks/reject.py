"""The effect of a chunk all of whose records are rejected: a report, and no product."""

from typing import Any

from integrahub.db.database import Connection
from integrahub.db.products import record_issues as record_issues
from integrahub.domain.chunks.builder import Chunk
from integrahub.domain.products import COUNTERS, RecordIssue

Row = dict[str, Any]


async def reject_all(connection: Connection, claim: Row, chunk: Chunk, id_key: str) -> dict[str, int]:
    """Report every record of a chunk under its `rejection`; return its counters. The caller holds the chunk's lock.

    `id_key` is the key of the product id, as the dialect names it.
    """
    payload, ids, code = chunk.cut(), claim["ids"], claim["rejection"]
    faults = [
        RecordIssue(payload.positions[slot], payload.offsets[slot], "rejected", str(product_id), id_key, code, "")
        for slot, product_id in enumerate(ids)
    ]
    await record_issues.insert(connection, claim["batch_id"], claim["number"], faults)
    return dict.fromkeys(COUNTERS, 0) | {"rejected": len(ids)}
