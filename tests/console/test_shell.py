"""What all pages share: languages, errors, headers, live blocks, assets."""

import pytest

from integrahub.console.assets import asset_url, read_asset
from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from tests.console.hub import ConsoleHub, running_console
from tests.console.troubles import add_causes
from tests.integration.conftest import CNPJ

_HELD = (
    "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, deactivation_state,"
    " finished_at) SELECT gen_random_uuid(), id, n, 'full', 1, '', 'COMPLETED', s.decision, now() FROM pharmacies,"
    " (VALUES (1, 'held'), (2, 'none'), (3, 'approved')) s (n, decision)"
)


async def test_a_page_is_in_the_language_of_the_browser(console: ConsoleHub) -> None:
    english = await (await console.browser(Role.VIEWER)).get("/console")
    portuguese = await (await console.browser(Role.VIEWER, **{"Accept-Language": "pt-BR"})).get("/console")
    assert (english.status, portuguese.status) == (200, 200)
    assert '<html lang="en"' in english.html and ">Batches</a>" in english.html
    assert '<html lang="pt-BR"' in portuguese.html and ">Lotes</a>" in portuguese.html


async def test_the_navigation_has_no_area_that_the_role_may_not_see(console: ConsoleHub) -> None:
    viewer = await (await console.browser(Role.VIEWER)).get("/console")
    admin = await (await console.browser(Role.ADMIN)).get("/console")
    assert "/console/users" not in viewer.links and "/console/users" in admin.links


async def test_the_navigation_says_how_much_waits_for_a_person(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        viewer = await console.browser(Role.VIEWER)
        assert 'class="badge' not in (await viewer.get("/console/system")).html
        await console.api.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"name": "Farmácia Sol"})
        await console.run(_HELD)
        await add_causes(console, 100)
        page = await viewer.get("/console/system")
        assert 'Decisions <span class="badge decisions">1</span>' in page.html
        assert 'Failures <span class="badge failures">99+</span>' in page.html
        await console.run("UPDATE failure_groups SET muted_until = now() + interval '1 day' WHERE fingerprint <> 'f7'")
        assert 'Failures <span class="badge failures">1</span>' in (await viewer.get("/console")).html
        assert 'class="badge' not in (await (await console.browser()).get("/console")).html


async def test_an_unknown_page_is_a_page(console: ConsoleHub) -> None:
    page = await (await console.browser(Role.VIEWER)).get("/console/nothing-here")
    assert page.status == 404 and "There is no such page" in page.text


@pytest.mark.parametrize("name", ["console.css", "console.js", "icon.svg"])
async def test_an_asset_may_be_kept_for_good_at_its_address_alone(console: ConsoleHub, name: str) -> None:
    browser = await console.browser()
    current, old = await browser.get(asset_url(name)), await browser.get(f"/console/static/0/{name}")
    assert current.html == old.html == (read_asset(name) or b"").decode()
    assert "immutable" in current.answer.headers["Cache-Control"]
    assert old.answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["app.py", "css", "..%2Fapp.py", "css%2Fbase.css"])
async def test_nothing_else_of_the_package_is_served(console: ConsoleHub, name: str) -> None:
    assert (await (await console.browser()).get(f"/console/static/0/{name}")).status == 404
