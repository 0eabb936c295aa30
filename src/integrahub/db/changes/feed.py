"""The change feed of a pharmacy: its whole catalogue, then every change, by one cursor.

A batch writes products only while it has the turn, and turns are in the order of the numbers. So the changes of all
numbers up to the last ended turn are complete, and a change that commits later has a higher number.
"""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from integrahub.db.changes.kept import kept_since
from integrahub.db.changes.rows import (
    CatalogueRow,
    ChangeRef,
    EndedTurn,
    FeedChange,
    FeedPage,
    FeedPosition,
    TurnAge,
)
from integrahub.db.database import Connection, Database
from integrahub.db.products.rows import ProductRow
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one
from integrahub.domain.changes import ALL_PRODUCTS, ChangeKind
from integrahub.domain.products import MAX_PRODUCT_ID

_SQL = load_queries(__name__)
_PRODUCTS_PER_READ = 100
_MARK_DIGITS = 8  # of a batch id; the last ones are random
_MAX_PAGE_CHARACTERS = 4 << 20  # of the texts of a page's products, apart from the last ones read


async def read_page(
    database: Database, pharmacy_id: int, position: FeedPosition | None, limit: int, days: int
) -> FeedPage | None:
    """Return the page after a position; without one, the first page of the catalogue.

    Return None if changes after the position are no longer kept, or older than `days`.
    """
    async with database.transaction() as connection:
        asked = {"pharmacy_id": pharmacy_id, "seq": position.seq if position else None}
        turn = await fetch_one(connection, _SQL["ended_turn"], asked, EndedTurn) or EndedTurn()
        position, ended = position or _begin(turn), turn.ended
        if position.seq > ended or _is_of_another_batch(position, turn):
            return None  # the database was restored from an older backup
        if position.in_catalogue:
            return await _read_catalogue(connection, pharmacy_id, position, limit, ended)
        params = {"pharmacy_id": pharmacy_id, "seq": position.seq, "product_id": position.product_id}
        params |= {"ended": ended, "days": days, "limit": limit}
        changes = await fetch_all(connection, _SQL["changes"], params, ChangeRef)
        # Checked after the read: retention may remove a day in between.
        last = changes[-1].seq if len(changes) == limit else ended
        if not await _is_kept(connection, pharmacy_id, position, last, days):
            return None
        return await _to_page(connection, pharmacy_id, changes, limit, turn)


def _mark_of(batch_id: UUID | None) -> str:
    return batch_id.hex[-_MARK_DIGITS:] if batch_id else ""


def _is_of_another_batch(position: FeedPosition, turn: EndedTurn) -> bool:
    """Return whether another batch has the number now. A batch that retention deleted proves nothing."""
    return bool(position.mark and turn.cursor_batch_id) and position.mark != _mark_of(turn.cursor_batch_id)


def _begin(turn: EndedTurn) -> FeedPosition:
    return FeedPosition(in_catalogue=True, seq=turn.ended, product_id=0, mark=_mark_of(turn.batch_id))


def _end_of(position: FeedPosition) -> FeedPosition:
    """Return the position behind all changes of a turn."""
    return replace(position, in_catalogue=False, product_id=MAX_PRODUCT_ID)


async def _read_catalogue(
    connection: Connection, pharmacy_id: int, position: FeedPosition, limit: int, ended: int
) -> FeedPage:
    products: list[CatalogueRow] = []
    size, is_last = 0, False
    while not is_last and len(products) < limit and size < _MAX_PAGE_CHARACTERS:
        after = products[-1].product_id if products else position.product_id
        wanted = min(_PRODUCTS_PER_READ, limit - len(products))
        params = {"pharmacy_id": pharmacy_id, "after": after, "limit": wanted}
        rows = await fetch_all(connection, _SQL["catalogue"], params, CatalogueRow)
        products += rows
        size += sum(map(_characters_of, rows))
        is_last = len(rows) < wanted
    items = [FeedChange(_catalogue_change(product, position.seq), product) for product in products]
    if is_last:
        return FeedPage(items, _end_of(position), has_more=position.seq < ended)
    return FeedPage(items, replace(position, product_id=products[-1].product_id), has_more=True)


def _catalogue_change(product: CatalogueRow, seq: int) -> ChangeRef:
    kind = ChangeKind.INSERTED if product.is_active else ChangeKind.DEACTIVATED
    return ChangeRef(seq, product.product_id, kind, product.updated_at, product.batch_id)


async def _is_kept(connection: Connection, pharmacy_id: int, position: FeedPosition, last: int, days: int) -> bool:
    """Return whether every change from the position to the turn `last` is in the table and in the feed's time."""
    unread = position.seq + (position.product_id == MAX_PRODUCT_ID)
    if unread > last:
        return True
    params = {"pharmacy_id": pharmacy_id, "first": unread, "last": last, "days": days}
    turn = await fetch_one(connection, _SQL["turn_age"], params, TurnAge)
    if turn is None or not turn.in_feed:
        return False
    if not turn.is_old:
        return True
    kept = await kept_since(connection)
    return all(first is None or turn.first_moment >= first for first in (kept.others, kept.stock))


async def _to_page(
    connection: Connection, pharmacy_id: int, changes: Sequence[ChangeRef], limit: int, turn: EndedTurn
) -> FeedPage:
    """Return the changes with each product once, at its last change, and in its present state."""
    reset = next((change for change in changes if change.product_id == ALL_PRODUCTS), None)
    if reset:
        return FeedPage([FeedChange(reset, None)], _begin(turn), has_more=True, is_reset=True)
    latest = list({change.product_id: change for change in changes}.values())
    latest.sort(key=lambda change: (change.seq, change.product_id))
    items: list[FeedChange] = []
    size = 0
    while len(items) < len(latest) and size < _MAX_PAGE_CHARACTERS:
        part = latest[len(items) : len(items) + _PRODUCTS_PER_READ]
        params = {"pharmacy_id": pharmacy_id, "ids": [change.product_id for change in part]}
        rows = await fetch_all(connection, _SQL["products"], params, ProductRow)
        products = {row.product_id: row for row in rows}
        items += [FeedChange(change, products.get(change.product_id)) for change in part]
        size += sum(map(_characters_of, rows))
    if len(items) < len(latest):
        return FeedPage(items, _after(items[-1].change), has_more=True)
    if len(changes) == limit:
        return FeedPage(items, _after(changes[-1]), has_more=True)
    return FeedPage(items, _end_of(_begin(turn)), has_more=False)


def _after(change: ChangeRef) -> FeedPosition:
    mark = _mark_of(change.batch_id)
    return FeedPosition(in_catalogue=False, seq=change.seq, product_id=change.product_id, mark=mark)


def _characters_of(product: ProductRow) -> int:
    return len(product.title) + len(product.description) + len(str(product.extra or ""))
