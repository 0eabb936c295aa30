"""Accept posts: one transaction for many, numbering each pharmacy's batches under its turn."""

from collections import Counter
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec

from integrahub.db.batches import turns
from integrahub.db.batches.rows import KnownSubmission, ReceivedSeqs
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, rows_of
from integrahub.db.tenancy import TenantContext
from integrahub.domain.batches import BatchKind, BatchStatus, LoadType
from integrahub.domain.errors import Problem, Unprocessable

_SQL = load_queries(__name__)


class Submission(msgspec.Struct, frozen=True):
    """A post whose body is in memory (`body`) or stored (`location`).

    `bytes` and `sha256` describe the decoded body, `stored_bytes` is the size of its object. `started` is when its
    first byte came, in monotonic seconds of this process: only the clock of PostgreSQL dates a batch.
    """

    id: UUID
    pharmacy_id: int
    cnpj: str
    load_type: LoadType
    media_type: str
    encoding: str
    idempotency_key: str | None
    item_count: int | None
    body: bytes | None
    location: str | None
    sha256: bytes
    started: float
    bytes: int
    api_key_id: UUID | None = None
    kind: BatchKind = BatchKind.LOAD
    stored_bytes: int | None = None


class Receipt(msgspec.Struct, frozen=True):
    """The answer to a post: its own batch, or the earlier batch that it repeats."""

    batch_id: UUID
    status: BatchStatus
    received_at: datetime
    replayed: bool = False


Outcome = Receipt | Problem


class KnownSubmissions:
    """Earlier batches, by idempotency key, and the newest of each pharmacy. Loads and dry runs never repeat each other.

    A dry run is known as the newest only until the next batch: after that the catalogue may differ.
    """

    def __init__(self, by_key: list[KnownSubmission], latest: list[KnownSubmission]) -> None:
        self._by_key = {(row.pharmacy_id, row.kind, row.idempotency_key): row for row in by_key}
        self._latest = {(row.pharmacy_id, row.kind): row for row in latest}

    def find_repeated(self, post: Submission) -> KnownSubmission | None:
        """Return the batch that a post repeats, or None for a new batch.

        Raise Unprocessable if the post reuses the idempotency key of another body.
        """
        if post.idempotency_key is None:
            row = self._latest.get((post.pharmacy_id, post.kind))
            return row if row and _is_repeat(row, post) else None
        row = self._by_key.get((post.pharmacy_id, post.kind, post.idempotency_key))
        if row and not _is_repeat(row, post):
            raise Unprocessable("idempotency_key_reused", {"batch_id": str(row.id)})
        return row

    def add(self, post: Submission) -> None:
        """Add a new batch of this transaction."""
        row = KnownSubmission(
            id=post.id,
            pharmacy_id=post.pharmacy_id,
            kind=post.kind,
            load_type=post.load_type,
            sha256=post.sha256,
            status=BatchStatus.RECEIVED,
            received_at=None,
            idempotency_key=post.idempotency_key,
        )
        self._latest.pop((post.pharmacy_id, BatchKind.DRY_RUN), None)
        self._latest[post.pharmacy_id, post.kind] = row
        if post.idempotency_key is not None:
            self._by_key[post.pharmacy_id, post.kind, post.idempotency_key] = row


def _is_repeat(row: KnownSubmission, post: Submission) -> bool:
    return row.sha256 == post.sha256 and row.load_type == post.load_type


async def accept(database: Database, posts: list[Submission]) -> list[Outcome | None]:
    """Commit posts in one transaction, and return their outcomes in the same order.

    The outcome is None if another transaction holds the turn of the pharmacy: the post can be tried again.
    """
    tenants = TenantContext(ids=tuple({post.pharmacy_id for post in posts}))
    async with database.for_tenants(tenants).pipeline() as connection:
        locked, known = await _lock_and_find(connection, posts)
        ours = [post for post in posts if post.pharmacy_id in locked]
        decisions = [_decide(known, post) for post in ours]
        new = [post for post, decision in zip(ours, decisions, strict=True) if decision is None]
        received_at = await _insert(connection, new)
    outcomes = {post.id: _outcome(post, decision, received_at) for post, decision in zip(ours, decisions, strict=True)}
    return [outcomes.get(post.id) for post in posts]


async def _lock_and_find(connection: Connection, posts: list[Submission]) -> tuple[set[int], KnownSubmissions]:
    """Lock the turns that are free, and return their pharmacies and the earlier batches of all."""
    pharmacies = sorted({post.pharmacy_id for post in posts})
    locked = await turns.lock_if_free(connection, pharmacies)
    keyed = [post for post in posts if post.idempotency_key is not None]
    keys = {"pharmacies": [post.pharmacy_id for post in keyed], "keys": [post.idempotency_key for post in keyed]}
    dry = sorted({post.pharmacy_id for post in posts if post.kind is BatchKind.DRY_RUN})
    # All statements are sent before the first result is read, in one round trip.
    by_key, latest, latest_dry = (connection.cursor(row_factory=rows_of(KnownSubmission)) for _ in range(3))
    if keyed:
        await by_key.execute(_SQL["find_by_idempotency_key"], keys)
    await latest.execute(_SQL["find_latest"], {"pharmacies": pharmacies})
    if dry:
        await latest_dry.execute(_SQL["find_latest_dry_run"], {"pharmacies": dry})
    newest = await latest.fetchall() + (await latest_dry.fetchall() if dry else [])
    return set(await locked.fetchall()), KnownSubmissions(await by_key.fetchall() if keyed else [], newest)


def _decide(known: KnownSubmissions, post: Submission) -> KnownSubmission | Problem | None:
    """Return the batch that a post repeats, why it is refused, or None for a new batch."""
    try:
        repeated = known.find_repeated(post)
    except Problem as problem:
        return problem
    if repeated is None:
        known.add(post)
    return repeated


def _outcome(post: Submission, decision: KnownSubmission | Problem | None, received_at: datetime | None) -> Outcome:
    if isinstance(decision, Problem):
        return decision
    repeated = decision
    batch_id = repeated.id if repeated else post.id
    status = repeated.status if repeated else BatchStatus.RECEIVED
    # A batch of this transaction has no date yet.
    date = (repeated and repeated.received_at) or received_at
    assert date is not None
    return Receipt(batch_id, status, date, replayed=repeated is not None)


async def _insert(connection: Connection, new: list[Submission]) -> datetime | None:
    """Insert new batches with their numbers, and return the date of receipt that they share."""
    if not new:
        return None
    counts = Counter(post.pharmacy_id for post in new)
    params = {"pharmacies": list(counts), "wanted": list(counts.values())}
    seqs = await fetch_all(connection, _SQL["next_received_seqs"], params, ReceivedSeqs)
    next_seq = {row.pharmacy_id: row.last_seq - counts[row.pharmacy_id] + 1 for row in seqs}
    received_at = seqs[0].received_at
    received_seqs = []
    for post in new:
        received_seqs.append(next_seq[post.pharmacy_id])
        next_seq[post.pharmacy_id] += 1
    columns: dict[str, Any] = {name: [getattr(post, name) for post in new] for name in Submission.__struct_fields__}
    columns |= {"body": [post.body or b"" for post in new], "received_seq": received_seqs}
    columns |= {"received_at": received_at, "streamed": [monotonic() - post.started for post in new]}
    await connection.execute(_SQL["insert"], columns)
    return received_at
