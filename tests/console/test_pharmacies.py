"""Pages of pharmacies: the list and its filters, why one is silent or failing, and every tab."""

import re

import pytest

from integrahub.db.console import pharmacies
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub, Page
from tests.integration.conftest import ADMIN, CNPJ

TABS = ("batches", "size", "rejected", "fields", "refusals", "keys", "webhook", "settings", "audit")
OTHER = "11222333000181"
PAGE = f"/console/pharmacies/{CNPJ}"
HOSTILE = "<script>alert(1)</script>\u202eevil 💊" + "x" * 300
TRUNCATED = b'[{"PRODUCTID":88121,"TITLE":"SORO FISIOL'


async def _register(console: ConsoleHub, cnpj: str, name: str, city: str = "", state: str = "") -> None:
    body = {"name": name, "city": city, "state": state}
    answer = await console.api.http.put(f"/admin/pharmacies/{cnpj}", json=body, headers={"X-Api-Key": ADMIN})
    assert answer.status_code == 200


async def _fall_silent(console: ConsoleHub, cnpj: str = CNPJ, days: int = 3) -> None:
    """Give a pharmacy ten posts, one every six hours, the last one some days ago."""
    await console.run(
        "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, stage, received_at, "
        "finished_at) SELECT gen_random_uuid(), p.id, -n, 'delta', 1, '', 'COMPLETED', 'done', t, t "
        "FROM pharmacies p, generate_series(0, 9) n, "
        "LATERAL (SELECT now() - make_interval(days => %s, hours => 6 * n) AS t) x WHERE p.cnpj = %s",
        days,
        cnpj,
    )
    await console.run(
        "INSERT INTO pharmacy_rhythms SELECT id, 10, now() - make_interval(days => %s), '6 hours', '6 hours' "
        "FROM pharmacies WHERE cnpj = %s ON CONFLICT (pharmacy_id) DO UPDATE SET posts = excluded.posts, "
        "last_at = excluded.last_at, usual_gap = excluded.usual_gap, longest_gap = excluded.longest_gap",
        days,
        cnpj,
    )


async def _refuse(console: ConsoleHub, code: str, cnpj: str = CNPJ, key: str = "") -> None:
    await console.run(
        "INSERT INTO refusals VALUES (date_trunc('hour', now(), 'UTC'), %s, %s, %s, '200.18.4.14', 41, now())",
        cnpj,
        key,
        code,
    )


async def _show(console: ConsoleHub, path: str = PAGE, role: Role = Role.VIEWER) -> Page:
    page = await (await console.browser(role)).get(path)
    assert page.status == 200, page.text
    return page


async def test_the_list_says_how_many_pharmacies_need_a_look_and_shows_them_first(console: ConsoleHub) -> None:
    await _register(console, OTHER, "Aurora")
    await _fall_silent(console)
    page = await _show(console, "/console/pharmacies")
    assert "1 pharmacy asks for attention" in page.text
    assert page.html.index(f"/console/pharmacies/{CNPJ}") < page.html.index(f"/console/pharmacies/{OTHER}")
    assert "never posted" in page.text and "silent" in page.text


async def test_filters_of_the_list_are_in_its_url(console: ConsoleHub) -> None:
    await _register(console, CNPJ, "Farmácia São João", "Campinas", "SP")
    await _register(console, OTHER, "Aurora", "Recife", "PE")
    await _fall_silent(console)
    for query, shown in (
        ("state=silent", {CNPJ}),
        ("state=new", {OTHER}),
        ("uf=PE", {OTHER}),
        ("q=sao+joao", {CNPJ}),
        ("q=11.222.333/0001-81", {OTHER}),
        ("q=RECIFE", {OTHER}),
        ("q=nothing", set()),
        ("state=unknown&sort=unknown&cursor=unknown", {CNPJ, OTHER}),
    ):
        page = await _show(console, f"/console/pharmacies?{query}")
        assert {link[-14:] for link in page.links if re.search(r"/pharmacies/\d{14}$", link)} == shown, query


async def test_the_list_is_sorted_by_rejected_records(console: ConsoleHub) -> None:
    await _register(console, OTHER, "Aurora")
    for cnpj, rejected in ((CNPJ, 3), (OTHER, 1200)):
        await console.run(
            "INSERT INTO pharmacy_days (pharmacy_id, day, batches, failed, records, rejected)"
            " SELECT id, (now() AT TIME ZONE 'UTC')::date, 1, 0, 5000, %s FROM pharmacies WHERE cnpj = %s",
            *(rejected, cnpj),
        )
    page = await _show(console, "/console/pharmacies?sort=rejected")
    assert page.html.index(f"/pharmacies/{OTHER}") < page.html.index(f"/pharmacies/{CNPJ}") and "1,200" in page.text


@pytest.mark.parametrize("sort", ["urgent", "name", "last", "rejected", "cnpj"])
async def test_pages_of_the_list_have_each_pharmacy_once(console: ConsoleHub, sort: str) -> None:
    await console.run(
        "INSERT INTO pharmacies (cnpj, name) SELECT lpad(n::text, 14, '0'), 'P' || n % 7 FROM generate_series(1, 120) n"
    )
    browser, path, seen = await console.browser(Role.VIEWER), f"/console/pharmacies?sort={sort}", []
    for expected in (50, 50, 21):
        page = await browser.get(path)
        shown = re.findall(r'href="/console/pharmacies/(\d{14})"', page.html)
        assert len(shown) == expected
        seen += shown
        path = next((link for link in page.links if "cursor=" in link), "")
    assert path == "" and len(set(seen)) == 121


async def test_a_silent_pharmacy_says_since_when_against_its_rhythm_and_why(console: ConsoleHub) -> None:
    await _fall_silent(console)
    await console.run("UPDATE api_keys SET expires_at = now() - interval '2 days'")
    (key,) = await pharmacies.fetch_keys(console.api.hub.all_tenants, CNPJ)
    await _refuse(console, "key_expired", "", key.name)
    page = await _show(console)
    assert "No post for 3 d; it usually posts every 6 h (longest gap in 10 posts: 6 h)" in page.text
    assert "41 posts with the key" in page.text and "which expired on" in page.text
    assert "from 200.18.4.14" in page.text and "is no longer valid" in page.text
    assert f"{PAGE}?tab=keys" not in [link for link in page.links if "new-key" in link]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("key_invalid", "without a key, or with one that this hub does not know"),
        ("other_pharmacy", "of this CNPJ with a key of another pharmacy"),
        ("body_too_large", "41 refused posts, as body_too_large"),
        ("rate_limited", "41 refused posts, as rate_limited"),
    ],
)
async def test_a_refusal_is_named_as_the_cause_of_silence(console: ConsoleHub, code: str, sentence: str) -> None:
    await _fall_silent(console)
    await _refuse(console, code)
    assert sentence in (await _show(console)).text


async def test_a_pharmacy_from_which_nothing_came_is_told_apart_from_one_that_was_refused(console: ConsoleHub) -> None:
    await _fall_silent(console)
    assert "No attempt has arrived since" in (await _show(console)).text


async def test_a_pharmacy_on_time_has_no_causes_although_posts_were_refused(console: ConsoleHub) -> None:
    await console.api.load([{"PRODUCTID": 1, "TITLE": "A"}])
    await _refuse(console, "rate_limited")
    page = await _show(console)
    assert "on time" in page.text and "refused posts" not in page.text
    assert "rate_limited" in (await _show(console, f"{PAGE}?tab=refusals")).text


async def test_a_pharmacy_whose_loads_all_fail_shows_the_reason(console: ConsoleHub) -> None:
    for _ in range(2):
        await console.api.load(TRUNCATED)
    page = await _show(console)
    assert "failing" in page.text and "The latest 2 loads all failed" in page.text
    assert "The body ends at byte" in page.text
    assert "1 pharmacy asks for attention" in (await _show(console, "/console/pharmacies?state=failing")).text


async def test_a_held_deactivation_leads_to_its_decision(console: ConsoleHub) -> None:
    await console.api.load([{"PRODUCTID": n, "TITLE": "A"} for n in range(1, 41)])
    held = await console.api.load([{"PRODUCTID": n, "TITLE": "A"} for n in range(1, 11)])
    page = await _show(console)
    assert "would deactivate 30 of 40 products" in page.text
    assert f"/console/decisions/{held['batch_id']}" in page.links


async def test_each_tab_shows_its_part(console: ConsoleHub) -> None:
    batch = await console.api.load([{"PRODUCTID": 1, "TITLE": "A"}, {"PRODUCTID": 2, "TITLE": ""}])
    await console.run("INSERT INTO unknown_fields SELECT id, 'LOTE_VAL', 6110, now(), now() FROM pharmacies")
    await console.run(
        "INSERT INTO pharmacy_days (pharmacy_id, day, active, rejected) "
        "SELECT id, current_date - n, 6110 + n, 12 FROM pharmacies, generate_series(0, 3) n "
        "ON CONFLICT (pharmacy_id, day) DO UPDATE SET active = excluded.active, rejected = excluded.rejected"
    )
    await _refuse(console, "rate_limited")
    said = {
        "batches": batch["batch_id"],
        "size": "6,110 active products",
        "rejected": "The name is missing",
        "fields": "LOTE_VAL",
        "refusals": "200.18.4.14",
        "keys": "ihub_live_",
        "webhook": "This pharmacy has no webhook",
        "settings": "America/Sao_Paulo",
        "audit": "Key created",
    }
    assert set(said) == set(TABS)
    for tab, text in said.items():
        page = await _show(console, f"{PAGE}?tab={tab}")
        assert text in page.html, tab


async def test_each_tab_of_a_pharmacy_without_anything_says_what_would_be_there(console: ConsoleHub) -> None:
    await _register(console, OTHER, "Aurora")
    for tab in TABS:
        page = await _show(console, f"/console/pharmacies/{OTHER}?tab={tab}")
        assert "It has never posted" in page.text
        assert 'class="empty"' in page.html or tab in ("size", "settings", "audit"), tab


async def test_hostile_texts_are_shown_as_text(console: ConsoleHub) -> None:
    await console.run("UPDATE pharmacies SET name = %s, city = %s", HOSTILE, HOSTILE)
    await console.run("INSERT INTO unknown_fields SELECT id, %s, 1, now(), now() FROM pharmacies", HOSTILE[:100])
    await _fall_silent(console)
    await _refuse(console, HOSTILE[:60])
    for path in ("/console/pharmacies", *(f"{PAGE}?tab={tab}" for tab in TABS)):
        page = await _show(console, path, Role.ADMIN)
        assert "<script>alert" not in page.html, path


async def test_a_live_block_that_has_not_changed_is_not_sent_again(console: ConsoleHub) -> None:
    await _fall_silent(console)
    browser = await console.browser(Role.VIEWER)
    for path, block in (("/console/pharmacies", "rows"), (PAGE, "situation")):
        page = await browser.get(path)
        version = re.search(r"Live-Version&quot;: &quot;(\w+)", page.html)
        assert version
        assert (await browser.poll(path, block, version[1])).status == 204
        assert (await browser.poll(path, block, "old")).status == 200


async def test_a_cnpj_with_punctuation_leads_to_its_page_and_an_unknown_one_to_none(console: ConsoleHub) -> None:
    browser = await console.browser(Role.VIEWER)
    page = await browser.get("/console/pharmacies/05.927.228-0001-45")
    assert page.status == 200 and str(page.answer.url).endswith(PAGE)
    for unknown in (OTHER, "nothing", "05927228000146"):
        assert (await browser.get(f"/console/pharmacies/{unknown}")).status == 404
