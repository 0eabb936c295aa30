"""Typed search: what a text is decides where it is looked for."""

from integrahub.console.search_terms import SearchTerms
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub
from tests.integration.conftest import CNPJ


async def test_a_whole_id_leads_to_its_page(console: ConsoleHub) -> None:
    batch = (await console.api.load([{"PRODUCTID": 7, "TITLE": "x", "EAN": "7896004703398"}]))["batch_id"]
    viewer = await console.browser(Role.VIEWER)
    for text in (batch, batch.replace("-", ""), batch[-8:]):
        page = await viewer.get("/console/search", q=text)
        assert str(page.answer.url).endswith(f"/console/batches/{batch}"), text
    for text in ("7", "7896004703398"):
        answer = await viewer.http.get("/console/search", params={"q": text})
        assert answer.headers["location"] == f"/console/pharmacies/{CNPJ}/products/7"
    answer = await viewer.http.get("/console/search", params={"q": "05.927.228/0001-45"})
    assert answer.headers["location"] == f"/console/pharmacies/{CNPJ}"


async def test_a_text_finds_pharmacies_and_failures(console: ConsoleHub) -> None:
    await console.api.load(b'[{"PRODUCTID": 1, "TITLE": "x"')
    await console.run("UPDATE pharmacies SET name = 'Farmácia Sol <b>'")
    viewer = await console.browser(Role.VIEWER)
    assert "Farmácia Sol <b>" in (await viewer.get("/console/search", q="farmacia sol")).text
    by_message = await viewer.get("/console/search", q="antes de fechar o array")
    assert "/console/batches?error=body_truncated&since=all" in by_message.links
    by_title = await viewer.get("/console/search", q="dipirona")
    assert "Nothing found" in by_title.text and "/console/products?q=dipirona" in by_title.links
    nothing = await viewer.get("/console/search", q="<script>alert(1)</script>")
    assert "Nothing found" in nothing.text and "<script>alert" not in nothing.html
    assert (await viewer.get("/console/search")).status == 200


async def test_a_product_id_that_no_catalogue_has_leads_to_what_became_of_it(console: ConsoleHub) -> None:
    await console.api.load([{"PRODUCTID": 4711, "TITLE": ""}, {"PRODUCTID": 4712, "TITLE": "x"}], "delta")
    viewer = await console.browser(Role.VIEWER)
    found = await viewer.get("/console/search", q="4711")
    assert "No catalogue has this product id" in found.text and "/console/products?id=4711" in found.links
    choice = await viewer.get("/console/products", id="4711")
    assert "Product 4711 of which pharmacy?" in choice.text
    assert f"/console/pharmacies/{CNPJ}/products/4711" in choice.links
    only = await viewer.get("/console/products", id="4711", pharmacy=CNPJ)
    assert "Product 4711 came in 1 batch and was rejected" in only.text


def test_what_a_text_may_be() -> None:
    assert SearchTerms.parse(" 05.927.228/0001-45 ").cnpj == CNPJ
    assert SearchTerms.parse("0592").cnpj_prefix == "0592"
    assert SearchTerms.parse("7896004703398").ean == "7896004703398"
    assert SearchTerms.parse("25901").product_id == 25901
    assert SearchTerms.parse("c0e70ff3").suffix == "c0e70ff3"
    ids = SearchTerms.parse("019ca8a2-0000").ids
    assert ids and ids[0].hex.startswith("019ca8a20000") and ids[1].hex.endswith("ffff")
    for text in ("", "dipirona", "face book", "a\x00b"):
        terms = SearchTerms.parse(text)
        assert (terms.cnpj, terms.ids, terms.suffix, terms.ean, terms.product_id) == (None, None, None, "", None)
