"""Dry runs: statements of a load that are rolled back, and the changes that they would have recorded."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from uuid import UUID

import msgspec
from psycopg import Rollback

from integrahub.db.arrays import as_text
from integrahub.db.database import Connection
from integrahub.db.products.bisect import WriteRows, write_all
from integrahub.db.products.chunk_merge import ChunkToApply
from integrahub.db.products.merge import MergeRules, write_chunks
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_one
from integrahub.domain.products import ChunkCounters

_SQL = load_queries(__name__)
_MAX_MEMORY_BYTES = 4 << 20  # of changes, before they move to disk
_BLOCK_BYTES = 1 << 20


class DryRun(msgspec.Struct, frozen=True):
    """A dry run, and what names its changes: its pharmacy and its number there."""

    id: UUID
    pharmacy_id: int
    received_seq: int


class RecordedChanges(msgspec.Struct, frozen=True):
    """Changes as lines of a COPY, without the last line break, and the largest product id; None if there are none."""

    lines: str | None
    last_id: int | None


@dataclass(slots=True)
class RolledBack:
    """Whether a block recorded changes. The block sets it to False to avoid a slow search for none."""

    has_changes: bool = True


@asynccontextmanager
async def roll_back_products(
    connection: Connection, dry_run: DryRun, ids: Sequence[int] | None = None
) -> AsyncIterator[RolledBack]:
    """Roll back all that the block writes, but store the changes that it recorded as those of the dry run.

    With `ids`, only changes of these products are read: the index also names rows that other chunks rolled back.
    """
    rolled_back = RolledBack()
    with SpooledTemporaryFile(_MAX_MEMORY_BYTES) as changes:
        async with connection.transaction() as savepoint:
            yield rolled_back
            if rolled_back.has_changes:
                async for lines in _read_recorded(connection, dry_run, ids):
                    changes.write(lines.encode() + b"\n")
            raise Rollback(savepoint)
        if not changes.tell():
            return
        changes.seek(0)
        # The lines are in the text format of COPY, so no change is decoded here.
        async with connection.cursor().copy(_SQL["store_changes"]) as copy:
            while content := changes.read(_BLOCK_BYTES):
                await copy.write(content)


async def _read_recorded(connection: Connection, dry_run: DryRun, ids: Sequence[int] | None) -> AsyncIterator[str]:
    params: dict[str, object] = {"pharmacy_id": dry_run.pharmacy_id, "received_seq": dry_run.received_seq}
    await connection.execute(_SQL["force_generic_plan"])
    if ids is not None:
        params["ids"] = as_text(ids)
        page = await fetch_one(connection, _SQL["recorded_changes"], params, RecordedChanges)
        if page and page.lines:
            yield page.lines
        return
    params["after"] = -1
    while (page := await fetch_one(connection, _SQL["recorded_after"], params, RecordedChanges)) and page.lines:
        yield page.lines
        params["after"] = page.last_id


async def rehearse_chunks(
    connection: Connection,
    dry_run: DryRun,
    chunks: Sequence[ChunkToApply],
    rules: MergeRules,
    write_rows: WriteRows = write_all,
) -> list[ChunkCounters]:
    """Merge chunks of one dry run as `merge_chunks` does, and roll the products back. Issues and counters stay.

    The values of changed columns are recorded also with HISTORY off: they are what the dry run is for.
    """
    rules = msgspec.structs.replace(rules, history=True)
    ids = [abs(product_id) for chunk in chunks for product_id in chunk.ids]
    async with roll_back_products(connection, dry_run, ids):
        merges = await write_chunks(connection, chunks, rules, write_rows)
    return [await merge.finish(connection) for merge in merges]
