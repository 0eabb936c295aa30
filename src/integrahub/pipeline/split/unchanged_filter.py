"""Unchanged filter: find, while a body is being split, the records that equal the table.

Only for a batch that has the turn: until it is final no other batch writes its pharmacy's products, so a result stays
true.
"""

import asyncio
from array import array
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from integrahub.db.database import Database
from integrahub.db.products.diff import find_differing
from integrahub.domain.chunks.builder import ChunkBuilder

Key = TypeVar("Key")
_CHUNKS_PER_QUERY = 2
_MAX_WAITING_QUERIES = 2  # before `submit` waits for a result
_SKIPS_AFTER_MOSTLY_NEW = 8  # chunks that are not compared after one that was mostly new


@dataclass(frozen=True, slots=True)
class DiffResult(Generic[Key]):
    """A chunk, and the slots of its records that differ from the table, ascending."""

    key: Key
    chunk: ChunkBuilder
    differing: list[int]

    @property
    def is_mostly_new(self) -> bool:
        """Return True if more than half of the records differ, so the chunk is applied as a whole."""
        return 2 * len(self.differing) > len(self.chunk.ids)


class UnchangedFilter(Generic[Key]):
    """Compare chunks with the table in the background, a few at a time. They stay in memory until then."""

    def __init__(self, database: Database, pharmacy_id: int) -> None:
        self._database = database
        self._pharmacy_id = pharmacy_id
        self._pending: list[tuple[Key, ChunkBuilder]] = []
        self._queries: deque[tuple[list[tuple[Key, ChunkBuilder]], asyncio.Task[list[int]]]] = deque()
        self._skips_left = 0

    def should_ask(self, chunk: ChunkBuilder) -> bool:
        """Return whether a chunk is worth comparing, and each of its records has a readable product id."""
        if self._skips_left:
            self._skips_left -= 1
            return False
        return not chunk.oversize and 0 not in chunk.ids

    async def submit(self, key: Key, chunk: ChunkBuilder) -> list[DiffResult[Key]]:
        """Compare a chunk in the background, and return the results of earlier ones that are due."""
        self._pending.append((key, chunk))
        if len(self._pending) >= _CHUNKS_PER_QUERY:
            self._send()
        return await self._next_results() if len(self._queries) > _MAX_WAITING_QUERIES else []

    async def drain(self) -> list[DiffResult[Key]]:
        """Wait for the results of all chunks submitted so far."""
        if self._pending:
            self._send()
        results = []
        while self._queries:
            results += await self._next_results()
        return results

    async def close(self) -> None:
        """Cancel running queries."""
        tasks = [task for _, task in self._queries]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _send(self) -> None:
        chunks, self._pending = self._pending, []
        ids, hashes = array("q"), array("q")
        for _, chunk in chunks:
            ids += chunk.ids
            hashes += chunk.hashes
        task = asyncio.create_task(find_differing(self._database, self._pharmacy_id, ids, hashes))
        self._queries.append((chunks, task))

    async def _next_results(self) -> list[DiffResult[Key]]:
        chunks, task = self._queries[0]
        slots = await task  # counted over all chunks of the query
        self._queries.popleft()
        results, first = [], 0
        for key, chunk in chunks:
            end = first + len(chunk.ids)
            results.append(DiffResult(key, chunk, [slot - first for slot in slots if first <= slot < end]))
            first = end
        if results[-1].is_mostly_new:
            self._skips_left = _SKIPS_AFTER_MOSTLY_NEW
        return results
