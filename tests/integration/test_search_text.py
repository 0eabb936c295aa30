"""Search without accents: texts are stored folded, and fold to the same as the text searched for."""

import unicodedata

import psycopg
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import LONG
from tests.integration.conftest import SHARED, Client

_TITLES = [
    "ÁGUA OXIGENADA 10 VOL",
    "Água oxigenada (20 vol)",
    "DIPIRONA SÓDICA 500MG",
    "Ácido acetilsalicílico",
    "FRALDA BEBÊ Nº 2",
    "CRÈME BRÛLÉE",
]
_INSERT = """INSERT INTO products (pharmacy_id, product_id, batch_id, title, description)
VALUES (1, 1, gen_random_uuid(), %(title)s, %(description)s)
ON CONFLICT (pharmacy_id, product_id) DO UPDATE SET title = excluded.title, description = excluded.description
RETURNING search_text, fold_text(%(title)s || chr(1) || %(description)s)"""
texts = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.text(st.sampled_from("AÁaá ÇçõÕ.-0ºª½ßıİ"), max_size=20),
    st.text(st.characters(max_codepoint=127, exclude_characters="\0"), max_size=20),
)


def test_the_stored_text_is_the_folded_one_whatever_it_contains(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:

        @given(texts, texts)
        @settings(max_examples=200 if LONG else 60, deadline=None)
        def check(title: str, description: str) -> None:
            row = connection.execute(_INSERT, {"title": title, "description": description}).fetchone()
            assert row is not None and row[0] == row[1]

        check()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def titled(shared_client: Client) -> Client:
    """Return a client of a pharmacy with the titles, for tests that only read."""
    await shared_client.load([{"PRODUCTID": n, "TITLE": title} for n, title in enumerate(_TITLES, 1)])
    return shared_client


@SHARED
@pytest.mark.parametrize("query", ["agua", "ÁGUA", "Água", "aGuA OXIG", "oxigénada"])
async def test_accents_and_case_of_query_and_title_are_ignored(titled: Client, query: str) -> None:
    found = await titled.get("/v1/products", q=query, sort="product_id")
    assert [item["id"] for item in found["items"]] == [1, 2]


@SHARED
@pytest.mark.parametrize("form", ["upper", "lower", "plain"])
async def test_each_title_is_found_by_its_other_spellings(titled: Client, form: str) -> None:
    for number, title in enumerate(_TITLES, 1):
        plain = "".join(c for c in unicodedata.normalize("NFD", title) if not unicodedata.combining(c))
        query = {"upper": title.upper(), "lower": title.lower(), "plain": plain.replace("º", "o")}[form]
        assert [item["id"] for item in (await titled.get("/v1/products", q=query))["items"]] == [number]


async def test_the_search_follows_a_changed_description(client: Client) -> None:
    await client.load([{"PRODUCTID": 1, "TITLE": "A", "DESCRIPTION": "sabão"}])
    assert (await client.get("/v1/products", q="sabao"))["pagination"]["count"] == 1
    await client.load([{"PRODUCTID": 1, "DESCRIPTION": "xampu"}], "delta")
    assert (await client.get("/v1/products", q="sabao"))["pagination"]["count"] == 0
    assert (await client.get("/v1/products", q="XAMPU"))["pagination"]["count"] == 1


@pytest.mark.parametrize(("page", "count"), [(1, 6), (3, 6)])
async def test_the_number_of_matches_is_the_same_on_a_page_behind_the_last(
    client: Client, page: int, count: int
) -> None:
    await client.load([{"PRODUCTID": n, "TITLE": title} for n, title in enumerate(_TITLES, 1)])
    for query in ({}, {"q": "a"}):
        found = await client.get("/v1/products", page=page, limit=5, **query)
        expected = count if not query else sum("A" in title.upper() or "Á" in title.upper() for title in _TITLES)
        assert found["pagination"]["count"] == expected and len(found["items"]) == (5 if page == 1 else 0)
