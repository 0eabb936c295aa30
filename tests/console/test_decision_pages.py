"""Pages of decisions: evidence, the products that would go, approve by typing the count, keep, two people at once."""

import asyncio
from typing import Any

import pytest

from integrahub.db.accounts import users
from integrahub.db.console import decisions
from integrahub.db.console.decisions import AbsentEvidence
from integrahub.domain.people.roles import Role
from integrahub.secrets.passwords import PasswordHasher
from tests.console.hub import Browser, ConsoleHub
from tests.console.people import PASSWORD


def _records(first: int, last: int) -> list[dict[str, Any]]:
    return [
        {
            "PRODUCTID": number,
            "TITLE": f"Product {number}",
            "QUANTITY": number % 3,
            "CATEGORY": "PERFUMARIA" if number > 30 else "MEDICAMENTOS",
        }
        for number in range(first, last + 1)
    ]


@pytest.fixture
async def held(console: ConsoleHub) -> str:
    """Load 60 products, then a FULL of 30 of them; return the held FULL."""
    await console.api.load(_records(1, 60))
    return str((await console.api.load(_records(1, 30)))["batch_id"])


async def _decided(console: ConsoleHub, batch: str, state: str) -> None:
    async with asyncio.timeout(30):
        while (await console.api.get(f"/v1/batches/{batch}"))["deactivation"]["state"] != state:
            await asyncio.sleep(0.05)


async def test_the_list_leads_to_the_evidence(console: ConsoleHub, held: str) -> None:
    viewer = await console.browser(Role.VIEWER)
    page = await viewer.get("/console/decisions")
    assert "1 decision is awaited" in page.text and f"/console/decisions/{held}" in page.links
    assert f"/console/batches/{held}" in page.links
    decision = await viewer.get(f"/console/decisions/{held}")
    assert "does not have 30 of the 60 active products (50 %; limit 15 %)" in decision.text
    assert "With stock 20 of 30" in decision.text and "PERFUMARIA (30)" in decision.text
    assert "60 → 30" in decision.text and "30 products that would be deactivated" in decision.text
    assert "/approve" not in decision.html and "/keep" not in decision.html
    assert "only an operator may act on it" in decision.text
    assert (await viewer.post(f"/console/decisions/{held}/approve", count="30")).status == 403
    found = await viewer.get(f"/console/decisions/{held}", q="Product 45")
    assert "Product 45" in found.text and "Product 46" not in found.text
    assert (await viewer.get(f"/console/decisions/{held}/products.csv")).html.count("\r\n") == 31


async def test_the_evidence_is_counted_again_only_after_the_catalogue_changed(
    console: ConsoleHub, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, count = 0, decisions.find_evidence

    async def counted(*arguments: Any) -> AbsentEvidence:
        nonlocal counts
        counts += 1
        return await count(*arguments)

    monkeypatch.setattr(decisions, "find_evidence", counted)
    viewer = await console.browser(Role.VIEWER)
    for sort in ("product_id", "stock", "price"):
        assert "With stock 20 of 30" in (await viewer.get(f"/console/decisions/{held}", sort=sort)).text
    assert counts == 1
    await console.api.load(_records(40, 40), "delta")
    assert "With stock 19 of 29" in (await viewer.get(f"/console/decisions/{held}")).text
    assert counts == 2


async def test_an_approval_needs_the_count_that_would_go_now(console: ConsoleHub, held: str) -> None:
    operator = await console.browser(Role.OPERATOR)
    await console.api.load(_records(40, 40), "delta")  # brings a product back: 29 would go
    for typed in ("30", "", "all"):
        page = await operator.post(f"/console/decisions/{held}/approve", count=typed)
        assert "29 products would be deactivated now" in page.text and "Decide:" in page.text
        assert '<details class="confirm" name="decide" open>' in page.html  # the form is as the person left it
    assert await console.run("SELECT 1 FROM products WHERE NOT is_active") == []
    page = await operator.post(f"/console/decisions/{held}/approve", count="29", note="checked with the pharmacy")
    assert "29 products are being deactivated." in page.text
    await _decided(console, held, "approved")
    assert len(await console.run("SELECT 1 FROM products WHERE NOT is_active")) == 29
    after = await operator.get(f"/console/decisions/{held}")
    assert operator.user and f"Decided by {operator.user.name}" in after.text
    noted = "SELECT 1 FROM audit_log WHERE after::text LIKE '%checked with%' AND outcome = 'done'"
    assert len(await console.run(noted)) == 1
    assert len(await console.run("SELECT 1 FROM audit_log WHERE outcome = 'count_not_confirmed'")) == 3


async def test_an_approval_of_more_than_1000_products_asks_for_the_password_after_ten_minutes(
    console: ConsoleHub,
) -> None:
    await console.api.load(_records(1, 1006))
    path = f"/console/decisions/{(await console.api.load(_records(1, 5)))['batch_id']}"
    operator, database = await console.browser(Role.OPERATOR), console.api.hub.database
    assert operator.user
    await users.set_password(database, operator.user.id, await PasswordHasher().hash(PASSWORD))
    await console.run("UPDATE user_sessions SET confirmed_at = now() - interval '11 minutes'")
    assert "Your password again" in (await operator.get(path)).text
    for sent in ({}, {"password_again": "not this"}):
        assert "Nothing was done" in (await operator.post(f"{path}/approve", count="1001", **sent)).text
    assert "Decide:" in (await operator.get(path)).text
    page = await operator.post(f"{path}/approve", count="1,001", password_again=PASSWORD)
    assert "1,001 products are being deactivated." in page.text


async def test_all_products_can_be_kept(console: ConsoleHub, held: str) -> None:
    operator = await console.browser(Role.OPERATOR)
    effect = "No product is deactivated, and the decision ends."
    assert effect in (await operator.get(f"/console/decisions/{held}")).text
    page = await operator.post(f"/console/decisions/{held}/keep", note="half a file")
    assert "All products stay active." in page.text and "All products were kept active." in page.text
    assert "Only a new FULL" in page.text and "To undo a deactivation" not in page.text
    assert len(await console.run("SELECT 1 FROM audit_log WHERE after::text LIKE '%half a file%'")) == 1
    assert "Nothing awaits a decision" in (await operator.get("/console/decisions")).text
    assert await console.run("SELECT 1 FROM products WHERE NOT is_active") == []


async def test_of_two_people_one_decides_and_the_other_reads_whose_decision_it_was(
    console: ConsoleHub, held: str
) -> None:
    people = [await console.browser(Role.OPERATOR) for _ in range(2)]

    async def decide(browser: Browser, act: str, **fields: str) -> str:
        return (await browser.post(f"/console/decisions/{held}/{act}", **fields)).text

    texts = await asyncio.gather(decide(people[0], "approve", count="30"), decide(people[1], "keep"))
    done = await console.run("SELECT actor FROM audit_log WHERE action LIKE 'batch.%%' AND outcome = 'done'")
    assert len(done) == 1
    winner = next(iter(done[0].values())) if isinstance(done[0], dict) else done[0][0]
    loser = next(index for index, person in enumerate(people) if person.user and person.user.name != winner)
    assert "No deactivation of this batch is held" in texts[loser]
    assert f"Decided by {winner}" in (await people[loser].get(f"/console/decisions/{held}")).text


async def test_who_opened_the_page_before_another_decided_reads_who_did_and_no_product_list(
    console: ConsoleHub, held: str
) -> None:
    path = f"/console/decisions/{held}"
    first, second = [await console.browser(Role.OPERATOR) for _ in range(2)]
    opened = await second.get(path)
    assert "Product 45" in (await second.poll(opened.poll_address("products"), "products")).text
    await first.post(f"{path}/approve", count="30")
    await _decided(console, held, "approved")
    assert first.user
    who, log = f"Decided by {first.user.name}", f"/console/audit?subject={held}"
    assert "<table" not in (await second.poll(opened.poll_address("products"), "products")).html
    state = await second.poll(opened.poll_address("state"), "state")
    assert who in state.text and log in state.links and "<form" not in state.html
    # Without JavaScript the old page still has its forms.
    for act in ("approve", "keep"):
        page = await second.post(f"{path}/{act}", count="30")
        assert "No deactivation of this batch is held" in page.text and who in page.text and log in page.links
        assert "would be deactivated" not in page.text


async def test_a_later_full_replaces_the_decision(console: ConsoleHub, held: str) -> None:
    later = (await console.api.load(_records(1, 59)))["batch_id"]
    page = await (await console.browser(Role.OPERATOR)).get(f"/console/decisions/{held}")
    assert "A later FULL replaced this decision" in page.text and f"/console/batches/{later}" in page.links
    assert "/approve" not in page.html


async def test_a_batch_without_decision_has_no_such_page(console: ConsoleHub) -> None:
    batch = (await console.api.load(_records(1, 5)))["batch_id"]
    assert (await (await console.browser(Role.VIEWER)).get(f"/console/decisions/{batch}")).status == 404
