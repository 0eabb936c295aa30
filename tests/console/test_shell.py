"""What all pages share: languages, errors, headers, live blocks, assets."""

import pytest

from integrahub.console.assets import asset_url, read_asset
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub


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
