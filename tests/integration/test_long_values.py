"""Values that no index can hold cost no other record, and a bar code of any length is stored as sent."""

import secrets

from tests.integration.conftest import Client
from tests.integration.test_replays import catalogue, product

_LONG = secrets.token_urlsafe(9000)  # PostgreSQL cannot compress it below the 2704 bytes of an entry of an index


async def test_a_bar_code_of_any_length_is_stored_as_sent(client: Client) -> None:
    batch = await client.load([*catalogue(120), product(200, EAN=_LONG)])
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 121)
    small = await client.load([product(201, EAN=_LONG)], "delta")
    assert (small["status"], small["inserted"]) == ("COMPLETED", 1)
    assert {(await client.products())[number]["ean"] for number in (200, 201)} == {_LONG}


async def test_a_row_that_an_index_refuses_is_rejected_alone(client: Client) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute("CREATE INDEX ON products (image_link)")
    batch = await client.load([*catalogue(120), product(200, IMAGELINK=_LONG)])
    assert (batch["status"], batch["inserted"], batch["rejected"]) == ("PARTIAL_FAIL", 120, 1)
    errors = await client.get(f"/v1/batches/{batch['batch_id']}/errors")
    assert [(issue["product_id"], issue["code"]) for issue in errors["items"]] == [("200", "record_refused")]
    assert client.hub.database.breaker.state == "closed"
