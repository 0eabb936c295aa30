"""The help: the runbook of this version, open to a person who cannot sign in."""

from integrahub.console.pages.help import _render
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub


async def test_the_runbook_is_open_to_all_and_pages_lead_to_its_entries(console: ConsoleHub) -> None:
    stranger = await console.browser()
    index = await stranger.get("/console/help")
    assert index.status == 200 and index.text.startswith("Runbook") and "/console/help/alerts.html" in index.links
    page = await stranger.get("/console/help/access.html")
    assert 'id="console-locked"' in page.html and "integrahub user reset NAME" in page.text
    assert page.html.count("<h1>") == 1 and "Overview" not in page.text
    errors = await stranger.get("/console/help/errors")
    assert 'id="rate_limited"' in errors.html
    login = await stranger.get("/console/login")
    assert "/console/help/access.html#console-locked" in login.html
    for unknown in ("nothing.html", "..%2F..%2Freference%2Fsettings", "alerts.pt-BR.html"):
        assert (await stranger.get(f"/console/help/{unknown}")).status in (403, 404)
    rendered = _render.cache_info().currsize
    for number in range(3):
        assert (await stranger.get(f"/console/help/{number}")).status == 404
    assert _render.cache_info().currsize == rendered, "a stranger fills the memory with names that are no page"
    portuguese = await (await console.browser(**{"Accept-Language": "pt-BR"})).get("/console/help/access.html")
    assert portuguese.text.startswith("Runbook: acesso") and 'id="console-locked"' in portuguese.html
    refused = await (await console.browser(Role.VIEWER)).get("/console/users")
    assert refused.status == 403 and "/console/help/errors.html#role_missing" in refused.html
