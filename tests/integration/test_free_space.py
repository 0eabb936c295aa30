"""A FULL whose every product changes keeps each row on its page: the update is a heap-only tuple."""

from typing import LiteralString

from tests.integration.conftest import Client
from tests.integration.test_flow import product

_COUNT = 200
_PAGES: LiteralString = "SELECT product_id, split_part(ctid::text, ',', 1) AS page FROM products"


async def _pages(client: Client) -> dict[int, str]:
    async with client.hub.database.transaction() as connection:
        found = await connection.execute(_PAGES)
        return {row["product_id"]: row["page"] for row in await found.fetchall()}


async def test_updates_of_a_whole_catalogue_stay_on_their_pages(client: Client) -> None:
    await client.load([product(n) for n in range(1, _COUNT + 1)])
    before = await _pages(client)
    batch = await client.load([product(n, PRICE=n + 0.75) for n in range(1, _COUNT + 1)])
    assert batch["updated"] == _COUNT == len(before) and len(set(before.values())) > 1
    assert await _pages(client) == before
