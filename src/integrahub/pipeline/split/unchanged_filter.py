"""Sifting: while a body is still being cut, the database is asked which of its records say nothing new.

Only for a batch that has the turn: until it ends nobody else writes its pharmacy's products, so an answer stays true.
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
_BUILDERS_PER_QUERY = 2  # drafts a question
_MAX_QUERIES = 2  # questions under way, besides the one that gathers
_SKIP_AFTER_MOSTLY_NEW = 8  # drafts that pass unasked after one that was mostly new


@dataclass(frozen=True, slots=True)
class DiffResult(Generic[Key]):
    """A draft and the slots of it that differ from the table, ascending."""

    key: Key
    draft: ChunkBuilder
    differing: list[int]

    @property
    def is_mostly_new(self) -> bool:
        """Whether so much differs that it is not worth to take it apart."""
        return 2 * len(self.differing) > len(self.draft.ids)


class UnchangedFilter(Generic[Key]):
    """Asks about drafts, a few at a time; the drafts asked about are held until they are answered."""

    def __init__(self, database: Database, pharmacy_id: int) -> None:
        self._database = database
        self._pharmacy_id = pharmacy_id
        self._pending: list[tuple[Key, ChunkBuilder]] = []
        self._queries: deque[tuple[list[tuple[Key, ChunkBuilder]], asyncio.Task[list[int]]]] = deque()
        self._skips_left = 0

    def should_ask(self, draft: ChunkBuilder) -> bool:
        """Whether it is worth asking about this draft, and all its records can be told apart by product."""
        if self._skips_left:
            self._skips_left -= 1
            return False
        return not draft.oversize and 0 not in draft.ids

    async def submit(self, key: Key, draft: ChunkBuilder) -> list[DiffResult[Key]]:
        """Ask about a draft in time; gives what was answered of those before."""
        self._pending.append((key, draft))
        if len(self._pending) >= _BUILDERS_PER_QUERY:
            self._send()
        return await self._next_result() if len(self._queries) > _MAX_QUERIES else []

    async def drain(self) -> list[DiffResult[Key]]:
        """The answers still due."""
        if self._pending:
            self._send()
        found = []
        while self._queries:
            found += await self._next_result()
        return found

    async def close(self) -> None:
        """Give up what is still asked."""
        answers = [answer for _, answer in self._queries]
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    def _send(self) -> None:
        drafts, self._pending = self._pending, []
        ids, hashes = array("q"), array("q")
        for _, draft in drafts:
            ids += draft.ids
            hashes += draft.hashes
        query = find_differing(self._database, self._pharmacy_id, ids, hashes)
        self._queries.append((drafts, asyncio.create_task(query)))

    async def _next_result(self) -> list[DiffResult[Key]]:
        drafts, answer = self._queries[0]
        places = await answer
        self._queries.popleft()
        found, first = [], 0
        for key, draft in drafts:
            end = first + len(draft.ids)
            found.append(DiffResult(key, draft, [place - first for place in places if first <= place < end]))
            first = end
        self._skips_left = _SKIP_AFTER_MOSTLY_NEW if found[-1].is_mostly_new else self._skips_left
        return found
