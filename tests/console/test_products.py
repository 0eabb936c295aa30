"""Products on the console: job 5, "you lost my product" and "why is this price here"."""

import json
from typing import Any

import pytest

from integrahub.console.pages.products import listing
from integrahub.domain.people.roles import Role
from tests.console.filling import HOSTILE
from tests.console.hub import Browser, ConsoleHub, Page
from tests.integration.conftest import CNPJ
from tests.integration.test_flow import catalogue, product

_PRODUCTS = f"/console/pharmacies/{CNPJ}/products"


@pytest.fixture
async def browser(console: ConsoleHub) -> Browser:
    return await console.browser(Role.VIEWER)


async def shown(browser: Browser, product_id: object, **query: Any) -> Page:
    page = await browser.get(f"{_PRODUCTS}/{product_id}", **query)
    assert page.status == 200
    return page


def end(batch: dict[str, Any]) -> str:
    """Return the end of a batch's id, as pages show it."""
    return str(batch["batch_id"])[-8:]


async def test_a_price_says_since_when_from_which_record_and_what_it_was_before(
    console: ConsoleHub, browser: Browser
) -> None:
    await console.api.load(catalogue(60))
    records = [product(3), product(7, PRICE=11.9)]
    batch = await console.api.load(records, "delta")
    page = await shown(browser, 7)
    offset = json.dumps(records).index(json.dumps(records[1]))
    assert f"it came in DELTA {end(batch)} , record 1, byte {offset}, key" in page.text
    assert "Price 11.90 since" in page.text and "Before: 7.50." in page.text
    assert f"/console/batches/{batch['batch_id']}" in page.links
    assert 'href="/console/products" aria-current="page"' in page.html


async def test_every_value_names_its_own_origin(console: ConsoleHub, browser: Browser) -> None:
    first = await console.api.load([product(n, BRAND="EMS") for n in range(1, 61)])
    second = await console.api.load([product(7, BRAND="EMS", QUANTITY=42)], "delta")
    text = (await shown(browser, 7)).text
    assert f"FULL {end(first)} , record 6" in text.partition("Brand EMS")[2][:120]
    assert f"DELTA {end(second)} , record 0 3" in text.partition("Stock 42")[2][:120]


async def test_the_batches_that_brought_and_refused_a_product_are_listed(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(60))
    refused = await console.api.load([product(3), product(7, PRICE="x")], "delta")
    page = await shown(browser, 7)
    assert "Received in 2 of 2 batches since" in page.text and "1 of them rejected it." in page.text
    rows = (await shown(browser, 7, tab="batches")).text
    assert f"DELTA {end(refused)} record rejected 1" in rows and "new product 6" in rows
    assert "Looked in the newest 2 batches, since" in rows


async def test_a_value_that_is_old_because_the_newest_record_was_rejected_says_so(
    console: ConsoleHub, browser: Browser
) -> None:
    await console.api.load(catalogue(60))
    refused = await console.api.load([product(3), product(7, PRICE="9,9x")], "delta")
    page = await shown(browser, 7)
    assert f"The newest batch with this product, DELTA {end(refused)} of" in page.text
    assert "did not change it: its record was rejected. PRICE : The price is not a number" in page.text
    await console.api.load([product(7, PRICE=9.9)], "delta")
    assert "did not change it" not in (await shown(browser, 7)).text


async def test_a_raw_record_is_shown_as_sent_with_the_wrong_field_marked(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(60))
    batch = await console.api.load([product(3), product(7, PRICE="x", FOO=1)], "delta")
    path = f"{_PRODUCTS}/7/records/{batch['batch_id']}"
    page = await browser.get(path)
    assert "<mark>PRICE</mark>" in page.html and "&#34;x&#34;" in page.html and page.html.count("<mark>") == 1
    assert "The price is not a number" in page.text and "Record 1, byte" in page.text
    file = await browser.http.get(f"{path}/file")
    assert json.loads(file.content) == product(7, PRICE="x", FOO=1)
    assert file.headers["Content-Disposition"].startswith("attachment; filename=")


async def test_the_history_shows_values_before_and_after(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(60))
    for price in range(1, 31):
        await console.api.load([product(7, PRICE=price)], "delta")
    first = await shown(browser, 7, tab="history")
    assert "Price: 29.00 → 30.00" in first.text and first.text.count("product changed") == 20
    (following,) = {link for link in first.links if "cursor=" in link}
    rest = await browser.get(following)
    assert rest.text.count("product changed") == 10 and "first load" in rest.text


async def test_an_inactive_product_names_the_full_that_did_not_have_it(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(60))
    full = await console.api.load(catalogue(59))
    page = await shown(browser, 60)
    assert f"the FULL {end(full)} did not have it." in page.text
    assert "deactivated product" in (await browser.get(_PRODUCTS, q=60)).text


async def test_a_deactivation_that_a_person_approved_says_so(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(60))
    full = await console.api.load(catalogue(20))
    await console.api.admin("POST", f"/v1/batches/{full['batch_id']}/deactivation", {"decision": "approve"})
    for batch in (await console.api.get("/v1/batches"))["items"]:
        await console.api.finished(batch["batch_id"])
    page = await shown(browser, 60)
    assert "a person approved the deactivation" in page.text
    assert f"/console/decisions/{full['batch_id']}" in page.links


async def test_a_product_that_never_came_is_said_to_have_never_come(console: ConsoleHub, browser: Browser) -> None:
    assert "This pharmacy has sent nothing yet" in (await shown(browser, 9)).text
    await console.api.load(catalogue(3))
    page = await shown(browser, 9)
    assert "We never received product 9 from this pharmacy" in page.text and "Looked in 1 batch since" in page.text


async def test_never_is_not_said_of_batches_whose_products_are_not_known(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(3))
    await console.run("UPDATE batches SET rows_removed_at = now()")
    page = await shown(browser, 9)
    assert "The batches looked at do not have product 9" in page.text and "We never received" not in page.text
    assert "Of 1 batch only the rejected records are kept." in page.text


async def test_a_product_that_was_always_rejected_says_why(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(3))
    for _ in range(2):
        batch = await console.api.load([product(9, TITLE=""), product(1, PRICE=_)], "delta")
    page = await shown(browser, 9)
    assert "Product 9 came in 2 batches and was rejected" in page.text and "The name is missing" in page.text
    assert f"{_PRODUCTS}/9/records/{batch['batch_id']}" in page.links


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("PENDING", "came in a batch that is not applied yet"),
        ("FAILED", "came in a chunk that failed"),
        ("CANCELLED", "came in a batch that was cancelled"),
    ],
)
async def test_a_product_that_came_and_was_not_applied_says_so(
    console: ConsoleHub, browser: Browser, status: str, says: str
) -> None:
    await console.api.load(catalogue(3))
    await console.run("UPDATE batch_chunks SET status = %s", status)
    await console.run("DELETE FROM products WHERE product_id = 2")
    assert says in (await shown(browser, 2)).text


async def test_id_and_ean_come_before_texts_that_contain_them(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load([product(1, TITLE="A 500"), product(500, TITLE="B"), product(2, EAN="500", TITLE="C")])
    page = await browser.get(_PRODUCTS, q="500")
    ids = [link.rpartition("/")[2] for link in page.links if link.startswith(f"{_PRODUCTS}/")]
    assert ids == ["500", "2", "1"]


async def test_a_search_ignores_accents_and_its_filters_are_in_the_address(
    console: ConsoleHub, browser: Browser
) -> None:
    await console.api.load([product(n, TITLE=f"ÁGUA {n}") for n in range(1, 61)])
    await console.api.load([product(n, TITLE=f"ÁGUA {n}") for n in range(1, 60)])
    page = await browser.get(_PRODUCTS, q="agua", sort="product_id")
    assert "60 products" in page.text
    (following,) = {link for link in page.links if "cursor=" in link}
    assert "q=agua" in following and "sort=product_id" in following
    rest = await browser.get(following)
    assert f"{_PRODUCTS}/60" in rest.links and f"{_PRODUCTS}/50" not in rest.links
    assert "59 products" in (await browser.get(_PRODUCTS, q="agua", active="yes")).text
    assert "59 products" in (await browser.get(_PRODUCTS, active="yes")).text
    assert "60 products" in (await browser.get(_PRODUCTS)).text
    assert "No product matches" in (await browser.get(_PRODUCTS, q="100%")).text


async def test_a_large_catalogue_is_counted_up_to_a_limit_and_sorted_whole(
    console: ConsoleHub, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_LISTED", 59)
    await console.api.load([product(number, TITLE=f"P {number}") for number in range(1, 61)])
    for query in ({}, {"active": "yes"}):
        page = await browser.get(_PRODUCTS, sort="-price", **query)
        assert "More than 59 products" in page.text and "with the lowest ids" not in page.text
        assert page.html.index(f'{_PRODUCTS}/60"') < page.html.index(f'{_PRODUCTS}/59"')


async def test_a_catalogue_is_listed_by_id_and_its_changes_by_their_time(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load([product(n) for n in range(1, 4)])
    await console.api.load([product(2, PRICE=99)], "delta")
    for query, first in (({}, 1), ({"active": "yes"}, 1), ({"since": "24h"}, 2)):
        page = await browser.get(_PRODUCTS, **query)
        places = {number: page.html.index(f'{_PRODUCTS}/{number}"') for number in (1, 2)}
        assert min(places, key=places.__getitem__) == first, query


async def test_an_ean_of_a_rejected_record_without_an_id_is_found(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load([product(1), product(2, PRODUCTID="A-7", EAN="7896004703398")])
    page = await browser.get(_PRODUCTS, q="7896004703398")
    assert "Rejected records with the EAN 7896004703398" in page.text and "A-7" in page.text
    assert "The product id is not a positive integer" in page.text


async def test_one_pharmacy_that_matches_leads_to_its_products(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load(catalogue(3))
    page = await browser.get("/console/products", pharmacy=CNPJ[:8], q="2")
    assert page.answer.url.path == _PRODUCTS and "1 product" in page.text
    assert "No pharmacy has this name or CNPJ" in (await browser.get("/console/products", pharmacy="zzz")).text
    assert CNPJ in (await browser.get("/console/products")).html


async def test_hostile_values_are_text(console: ConsoleHub, browser: Browser) -> None:
    hostile = product(7, TITLE=HOSTILE, DESCRIPTION="d" * 60_000, BRAND=HOSTILE, FOO={"<b>": HOSTILE}, PRICE="x")
    await console.api.load([product(n) for n in range(1, 7)])
    await console.api.load([hostile | {"PRICE": 1}], "delta")
    batch = await console.api.load([hostile], "delta")
    paths = (f"{_PRODUCTS}?q=script", f"{_PRODUCTS}/7", f"{_PRODUCTS}/7?tab=history")
    for path in (*paths, f"{_PRODUCTS}/7?tab=batches", f"{_PRODUCTS}/7/records/{batch['batch_id']}"):
        page = await browser.get(path)
        assert page.status == 200 and "<script>alert" not in page.html and "<img" not in page.html, path


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{_PRODUCTS}/abc", 404),
        (f"{_PRODUCTS}/0", 404),
        (f"{_PRODUCTS}/{10**19}", 404),
        (f"{_PRODUCTS}/7?tab=history&cursor=zzz", 400),
        (f"{_PRODUCTS}?cursor=zzz", 400),
        (f"{_PRODUCTS}?q=%00&sort=none&since=9y", 200),
        (f"{_PRODUCTS}/7/records/zzz", 404),
        (f"{_PRODUCTS}/7/records/00000000-0000-0000-0000-000000000000", 404),
        ("/console/pharmacies/33000167000101/products", 404),
        ("/console/pharmacies/nothing/products/7", 404),
    ],
)
async def test_an_address_that_means_nothing_is_refused(
    console: ConsoleHub, browser: Browser, path: str, status: int
) -> None:
    await console.api.load(catalogue(3))
    assert (await browser.get(path)).status == status


async def test_nobody_sees_products_without_signing_in(console: ConsoleHub) -> None:
    batch = await console.api.load(catalogue(3))
    stranger = await console.browser()
    for path in ("", "/2", f"/2/records/{batch['batch_id']}", f"/2/records/{batch['batch_id']}/file"):
        answer = await stranger.http.get(_PRODUCTS + path)
        assert answer.status_code in (303, 403) and "P 2" not in answer.text, path


async def test_a_common_text_is_counted_and_sorted_up_to_a_limit(
    console: ConsoleHub, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_MATCHES", 55)
    await console.api.load([product(number, TITLE=f"P {100 - number}") for number in range(1, 61)])
    page = await browser.get(_PRODUCTS, q="p")
    assert page.text.count("More than 55 products") == 1 and "with the lowest ids" in page.text
    assert page.html.index(f'{_PRODUCTS}/56"') < page.html.index(f'{_PRODUCTS}/55"')  # by title, without 57 to 60
    assert f"{_PRODUCTS}/60" not in page.links
    (following,) = {link for link in page.links if "cursor=" in link}
    last = await browser.get(following)
    assert f"{_PRODUCTS}/1" in last.links and "Next page" not in last.text
    monkeypatch.setattr(listing, "MAX_MATCHES", 60)
    assert (await browser.get(_PRODUCTS, q="p")).text.count("60 products") == 1


async def test_amounts_are_shown_with_all_their_digits(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load([product(7, QUANTITY=2.5, PRICE=0.0375)])
    page = await browser.get(_PRODUCTS)
    assert "0.0375" in page.text and " 2.5 " in page.text


async def test_an_empty_result_says_what_was_searched_for(console: ConsoleHub, browser: Browser) -> None:
    await console.api.load([product(7)])
    await console.run("UPDATE products SET updated_at = now() - interval '2 days'")
    assert "No product of this pharmacy matches the filters" in (await browser.get(_PRODUCTS, since="24h")).text
    page = await browser.get(_PRODUCTS, ean="7890000000001")
    assert 'name="ean" value="7890000000001"' in page.html  # the next search keeps it
