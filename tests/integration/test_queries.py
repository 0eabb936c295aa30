"""GET /v1/products and listings: every filter, sort and cursor on real rows; hostile values are refused."""

import base64
from typing import Any

import pytest
import pytest_asyncio

from integrahub.api.middleware.telemetry import TelemetryMiddleware
from integrahub.api.routes.products import MAX_ANSWER_BYTES
from integrahub.domain import cursors
from tests.integration.conftest import ADMIN, CNPJ, SHARED, Client

_NESTED = base64.urlsafe_b64encode(b"[" * 20_000).decode()
RECORDS: list[dict[str, Any]] = [
    {"PRODUCTID": 1, "TITLE": "ÁGUA OXIGENADA", "PRICE": 5, "QUANTITY": 0, "BRAND": "Farmax", "CATEGORY": "Higiene"},
    {"PRODUCTID": 2, "TITLE": "Dipirona 500mg", "PRICE": 12.5, "QUANTITY": 3, "EAN": "789", "PRICEPROMO": 9.9},
    {"PRODUCTID": 3, "TITLE": "Soro", "DESCRIPTION": "agua e sal 100%", "PRICE": 7, "QUANTITY": 10, "EAN": "789"},
    {"PRODUCTID": 4, "TITLE": "Algodão", "PRICE": 5, "QUANTITY": 2.5},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(shared_client: Client) -> Client:
    """Return a client of a pharmacy with the records, for tests that only read."""
    await shared_client.load(RECORDS)
    return shared_client


@SHARED
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"q": "agua"}, [1, 3]),
        ({"q": "100%"}, [3]),
        ({"q": "_"}, []),
        ({"ean": "789"}, [2, 3]),
        ({"category": "HIGIENE"}, [1]),
        ({"brand": "farmax"}, [1]),
        ({"price_min": "7", "price_max": "12,5"}, [2, 3]),
        ({"stock_min": "2.5"}, [2, 3, 4]),
        ({"in_stock": "true"}, [2, 3, 4]),
        ({"in_stock": "false"}, [1]),
        ({"promo": "1"}, [2]),
        ({"updated_since": "2100-01-01T00:00:00Z"}, []),
        ({"page": "x", "limit": "0"}, [1, 2, 3, 4]),
        ({"cnpj": "05.927.228/0001-45"}, [1, 2, 3, 4]),
    ],
)
async def test_each_filter_gives_what_matches(filled: Client, query: dict[str, str], ids: list[int]) -> None:
    found = await filled.get("/v1/products", **({"sort": "product_id"} | query))
    assert [item["id"] for item in found["items"]] == ids
    assert found["pagination"]["count"] == len(ids)


@SHARED
@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("product_id", [1, 2, 3, 4]),
        ("title", [4, 2, 3, 1]),
        ("price", [1, 4, 3, 2]),
        ("-price", [2, 3, 4, 1]),
        ("stock", [1, 4, 2, 3]),
        ("-stock", [3, 2, 4, 1]),
    ],
)
async def test_pages_and_cursors_give_every_product_once_in_order(filled: Client, sort: str, ids: list[int]) -> None:
    by_cursor: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await filled.get("/v1/products", sort=sort, limit=3, cursor=cursor)
        by_cursor += [item["id"] for item in page["items"]]
        cursor = page["pagination"]["next_cursor"]
    pages = [await filled.get("/v1/products", sort=sort, limit=3, page=number) for number in (1, 2)]
    assert by_cursor == ids
    assert [item["id"] for page in pages for item in page["items"]] == ids


async def test_the_newest_change_comes_first_and_a_record_can_be_posted_again(client: Client) -> None:
    await client.load(RECORDS)
    await client.load([{"PRODUCTID": 3, "PRICE": 8}], "delta")
    first = (await client.get("/v1/products"))["items"][0]
    assert (first["id"], first["price"], first["rawJson"]["CNPJ"]) == (3, 8, CNPJ)
    again = await client.load([item["rawJson"] for item in (await client.products()).values()], "delta")
    assert (again["unchanged"], again["updated"]) == (4, 0)


async def test_titles_too_long_for_a_cursor_are_paged_through_once_each(client: Client) -> None:
    shared = "Água " * 400
    await client.load([{"PRODUCTID": n, "TITLE": f"{shared}{n % 3}"} for n in range(1, 8)])
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < 20:
        page = await client.get("/v1/products", sort="title", limit=2, cursor=cursor)
        found += [item["id"] for item in page["items"]]
        cursor = page["pagination"]["next_cursor"]
        assert cursor is None or len(cursor) <= cursors.MAX_CURSOR_LENGTH
    assert found == [3, 6, 1, 4, 7, 2, 5]


async def test_a_page_ends_before_its_answer_grows_without_measure_and_the_cursor_goes_on(client: Client) -> None:
    await client.load([{"PRODUCTID": n, "TITLE": "A", "DESCRIPTION": "e" * 60_000} for n in range(1, 101)])
    answer = await client.http.get("/v1/products?limit=100&sort=product_id", headers={"X-Api-Key": client.key})
    page = answer.json()
    assert len(answer.content) < MAX_ANSWER_BYTES + 4096 and 10 < len(page["items"]) < 100
    assert page["pagination"]["count"] == 100 and page["pagination"]["next_cursor"]
    assert sorted(await client.products()) == list(range(1, 101))


async def test_a_long_answer_is_written_in_blocks(client: Client) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(range(256)) * 1000, "more_body": False})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/", "method": "GET", "headers": []}
    await TelemetryMiddleware(app, ingest=None, refused_posts=client.app.state.refused_posts)(scope, None, send)
    blocks = [message["body"] for message in sent[1:]]
    assert b"".join(blocks) == bytes(range(256)) * 1000 and max(map(len, blocks)) <= 64 * 1024
    assert [message["more_body"] for message in sent[1:]] == [True] * 3 + [False]


@SHARED
@pytest.mark.parametrize(
    "path",
    [
        "/v1/products?price_min=NaN",
        "/v1/products?in_stock=perhaps",
        "/v1/products?updated_since=yesterday",
        "/v1/products?sort=colour",
        "/v1/products?q=a%00b",
        "/v1/products?cursor=xyz",
        "/v1/products?cnpj=1",
        f"/v1/products?sort=price&cursor={cursors.encode('price', 'abc', 1)}",
        f"/v1/batches?cursor={cursors.encode('x', 'y')}",
        "/v1/batches?cursor=%00",
        *(f"/v1/{listing}?cursor={_NESTED}" for listing in ("products", "batches")),
        *(f"/v1/{listing}?cursor={_NESTED[:400]}" for listing in ("products", "batches")),
        "/v1/batches?status=DANCING",
        "/v1/batches?limit=many",
        "/v1/batches/not-an-id",
    ],
)
async def test_a_query_that_cannot_be_read_is_refused_and_says_why(filled: Client, path: str) -> None:
    answer = await filled.http.get(path, headers={"X-Api-Key": filled.key})
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (400, 400), answer.text
    assert problem["message_pt"] and problem["message_en"]


async def test_an_operator_cannot_set_what_would_break_a_pharmacy(client: Client) -> None:
    for changes in ({"time_zone": "Mars/Base"}, {"name": "a\0b"}, {"deactivation_limit": 2}, {"name": ""}):
        answer = await client.http.put(f"/admin/pharmacies/{CNPJ}", json=changes, headers={"X-Admin-Api-Key": ADMIN})
        assert answer.status_code == 400, answer.text
    assert (await client.admin("GET", f"/admin/pharmacies/{CNPJ}"))["time_zone"] == "America/Sao_Paulo"


async def test_batches_are_listed_newest_first_page_by_page(client: Client) -> None:
    posted = []
    for price in range(1, 6):
        posted.append((await client.load([{"PRODUCTID": 1, "TITLE": "a", "PRICE": price}], "delta"))["batch_id"])
    listed: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await client.get("/v1/batches", limit=2, cursor=cursor, load_type="delta", status="COMPLETED")
        listed += [row["batch_id"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert listed == posted[::-1]
    assert (await client.get("/v1/batches", load_type="full"))["items"] == []
