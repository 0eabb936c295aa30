"""Rows that come while a person reads a list: they are announced, and no row that is shown moves."""

from dataclasses import replace
from uuid import UUID, uuid4

from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from tests.console.hub import Browser, ConsoleHub, Page, running_console
from tests.console.troubles import CAUSE, add_causes, add_delivery, add_endpoint, add_messages
from tests.integration.conftest import CNPJ

_OTHER = replace(CAUSE, error_class="Unreadable")
_FAILURES = "/console/failures"


def _linked(page: Page, name: object) -> bool:
    return any(str(name) in link for link in page.links)


async def _update(browser: Browser, page: Page) -> Page:
    """Poll the rows of a page as its script does."""
    update = await browser.poll(page.poll_address("rows"), "rows")
    assert update.status == 200
    return update


async def _add_operation(console: ConsoleHub) -> UUID:
    (row,) = await console.run(
        "INSERT INTO bulk_operations (id, actor, filters, letters, state) VALUES (%s, 'Ana', '{}', 1, 'done')"
        " RETURNING id",
        uuid4(),
    )
    return UUID(str(row["id"]))


async def test_new_deliveries_are_announced_and_move_no_row(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await console.api.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"name": "Farmácia Sol"})
        endpoint = await add_endpoint(console, CNPJ)
        viewer = await console.browser(Role.VIEWER)
        for path in (f"/console/webhooks/{endpoint}", "/console/webhooks/deliveries?state=failed"):
            old = await add_delivery(console, endpoint)
            page = await viewer.get(path)
            assert 'role="status"' in page.html and "new deliver" not in page.text
            await add_delivery(console, endpoint, "delivered")
            new = await add_delivery(console, endpoint)
            update = await _update(viewer, page)
            count = "1 new delivery: show" if "state" in path else "2 new deliveries: show"
            assert count in update.text and _linked(update, old) and not _linked(update, new)
            (shown,) = {link for link in update.links if link.startswith(path)}
            assert _linked(await viewer.get(shown), new)


async def test_new_replays_are_announced_and_an_empty_list_stays_empty(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        viewer, path = await console.browser(Role.VIEWER), f"{_FAILURES}/replays"
        empty, first = await viewer.get(path), await _add_operation(console)
        update = await _update(viewer, empty)
        assert "1 new replay: show" in update.text and not _linked(update, first)
        page, second = await viewer.get(path), await _add_operation(console)
        update = await _update(viewer, page)
        assert "1 new replay: show" in update.text and _linked(update, first) and not _linked(update, second)
        assert _linked(await viewer.get(path), second)


async def test_causes_that_fail_meanwhile_are_announced_and_move_no_row(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await add_messages(console, 1)
        viewer = await console.browser(Role.VIEWER)
        page = await viewer.get(_FAILURES)
        await add_messages(console, 2)  # the cause that is shown fails again: it stays in its place
        update = await _update(viewer, page)
        assert _linked(update, CAUSE.fingerprint) and "meanwhile" not in update.text
        await add_messages(console, 1, _OTHER)
        update = await _update(viewer, page)
        assert "1 more cause failed meanwhile: show" in update.text and not _linked(update, _OTHER.fingerprint)
        assert "2 causes keep work from being applied" in update.text
        await console.run("UPDATE dead_letters SET settled_at = now() WHERE fingerprint = %s", CAUSE.fingerprint)
        update = await _update(viewer, page)
        assert _linked(update, CAUSE.fingerprint) and "1 cause keeps work from being applied" in update.text
        again = await viewer.get(_FAILURES)
        assert _linked(again, _OTHER.fingerprint) and not _linked(again, CAUSE.fingerprint)


async def test_a_cause_that_comes_while_none_is_shown_is_announced(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        viewer = await console.browser(Role.VIEWER)
        page = await viewer.get(_FAILURES)
        await add_messages(console, 1)
        update = await _update(viewer, page)
        assert "1 more cause failed meanwhile: show" in update.text and not _linked(update, CAUSE.fingerprint)
        nonsense = {"top": "x", "shown": "\0,,"}
        assert _linked(await viewer.get(_FAILURES, **nonsense), CAUSE.fingerprint)


async def test_causes_of_the_next_page_are_not_announced(settings: Settings) -> None:
    async with running_console(settings, []) as console:
        await add_causes(console, 60)
        viewer = await console.browser(Role.VIEWER)
        update = await _update(viewer, await viewer.get(_FAILURES))
        assert "More than 50 causes" in update.text and "meanwhile" not in update.text
