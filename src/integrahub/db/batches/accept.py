"""The accepting transaction: many posts share one commit, each pharmacy's numbers given under its turn."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from integrahub.db.batches import turns
from integrahub.db.database import Connection, Database
from integrahub.db.queries import load_queries
from integrahub.db.tenancy import TenantContext
from integrahub.domain.errors import Problem, Unprocessable

_SQL = load_queries(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """An upload whose body is at hand (`body`) or durable in storage (`location`). `bytes` and `sha256` are decoded.

    `begun` is when its first byte came, in this process's monotonic seconds: the database's clock alone dates batches.
    """

    id: UUID
    pharmacy_id: int
    cnpj: str
    load_type: str
    media_type: str
    encoding: str
    idempotency_key: str | None
    item_count: int | None
    body: bytes | None
    location: str | None
    sha256: bytes
    begun: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a post: its own batch, or the earlier one it repeats."""

    batch_id: UUID
    status: str
    received_at: datetime
    replayed: bool = False


Outcome = Receipt | Problem


class KnownSubmissions:
    """What a flush already knows: by key, and the newest by pharmacy."""

    def __init__(self, keyed: list[dict[str, Any]], latest: list[dict[str, Any]]) -> None:
        self.keyed = {(row["pharmacy_id"], row["idempotency_key"]): row for row in keyed}
        self.latest = {row["pharmacy_id"]: row for row in latest}

    def answer(self, post: Submission) -> Outcome | None:
        """The receipt a repeat gets, the refusal of a contradiction, or None for a new batch."""
        if post.idempotency_key is None:
            row = self.latest.get(post.pharmacy_id)
            return _replayed_receipt(row) if row and _is_repeat(row, post) else None
        row = self.keyed.get((post.pharmacy_id, post.idempotency_key))
        if row is None:
            return None
        return _replayed_receipt(row) if _is_repeat(row, post) else _key_reused(row)

    def add(self, post: Submission) -> None:
        row = {"id": post.id, "load_type": post.load_type, "sha256": post.sha256, "status": "RECEIVED"}
        row["received_at"] = None  # not known yet
        self.latest[post.pharmacy_id] = row
        if post.idempotency_key is not None:
            self.keyed[(post.pharmacy_id, post.idempotency_key)] = row


def _key_reused(row: dict[str, Any]) -> Unprocessable:
    return Unprocessable("idempotency_key_reused", {"batch_id": str(row["id"])})


def _is_repeat(row: dict[str, Any], post: Submission) -> bool:
    return bool(row["sha256"] == post.sha256 and row["load_type"] == post.load_type)


def _replayed_receipt(row: dict[str, Any]) -> Receipt:
    return Receipt(row["id"], row["status"], row["received_at"], replayed=True)


async def accept(database: Database, posts: list[Submission]) -> list[Outcome | None]:
    """Commit posts at once; the outcomes stand in the order of the posts.

    None for posts of a pharmacy whose turn another transaction holds: that is not waited for, and they are untouched.
    """
    of_posts = TenantContext(ids=tuple({post.pharmacy_id for post in posts}))
    async with database.within(of_posts).pipeline() as connection:
        held, earlier = await _lock_and_find(connection, posts)
        ours = [post for post in posts if post.pharmacy_id in held]
        outcomes, fresh = _deduplicate(earlier, ours)
        received = await _insert(connection, fresh)
    told = {post.id: _with_received_at(outcome, post, received) for outcome, post in zip(outcomes, ours, strict=True)}
    return [told.get(post.id) for post in posts]


def _with_received_at(outcome: Outcome | None, post: Submission, received: dict[UUID, datetime]) -> Outcome:
    """The outcome with its time of receipt, also when it repeats a post of the same flush."""
    if outcome is None:
        return Receipt(post.id, "RECEIVED", received[post.id])
    if isinstance(outcome, Receipt) and outcome.batch_id in received:
        return replace(outcome, received_at=received[outcome.batch_id])
    return outcome


async def _lock_and_find(connection: Connection, posts: list[Submission]) -> tuple[set[int], KnownSubmissions]:
    """The pharmacies whose turns are locked now, and what is known of all."""
    pharmacies = sorted({post.pharmacy_id for post in posts})
    locked = await turns.lock_if_free(connection, pharmacies)
    keyed = [post for post in posts if post.idempotency_key is not None]
    asked = {"pharmacies": [p.pharmacy_id for p in keyed], "keys": [p.idempotency_key for p in keyed]}
    by_key = await connection.execute(_SQL["find_by_idempotency_key"], asked) if keyed else None
    latest = await connection.execute(_SQL["find_latest"], {"pharmacies": pharmacies})
    held = {row["pharmacy_id"] for row in await locked.fetchall()}
    return held, KnownSubmissions(await by_key.fetchall() if by_key else [], await latest.fetchall())


def _deduplicate(earlier: KnownSubmissions, posts: list[Submission]) -> tuple[list[Outcome | None], list[Submission]]:
    outcomes: list[Outcome | None] = []
    fresh = []
    for post in posts:
        outcome = earlier.answer(post)
        if outcome is None:
            earlier.add(post)
            fresh.append(post)
        outcomes.append(outcome)
    return outcomes, fresh


async def _insert(connection: Connection, fresh: list[Submission]) -> dict[UUID, datetime]:
    if not fresh:
        return {}
    wanted = Counter(post.pharmacy_id for post in fresh)
    numbers = {"pharmacies": list(wanted), "wanted": list(wanted.values())}
    taken = await (await connection.execute(_SQL["next_received_seqs"], numbers)).fetchall()
    next_number = {row["pharmacy_id"]: row["last_seq"] - wanted[row["pharmacy_id"]] + 1 for row in taken}
    received_at = taken[0]["received_at"]
    seqs = []
    for post in fresh:
        seqs.append(next_number[post.pharmacy_id])
        next_number[post.pharmacy_id] += 1
    columns: dict[str, Any] = {member: [getattr(post, member) for post in fresh] for member in Submission.__slots__}
    columns |= {"body": [post.body or b"" for post in fresh], "received_seq": seqs, "received_at": received_at}
    await connection.execute(_SQL["insert"], columns | {"streamed": [monotonic() - post.begun for post in fresh]})
    return {post.id: received_at for post in fresh}
