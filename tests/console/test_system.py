"""The system page: whether everything runs, which settings are in force, what is installed."""

import asyncio

from integrahub import __version__
from integrahub.console.distributions import list_packages
from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub, Page
from tests.integration.conftest import ADMIN

PATH = "/console/system"


async def _open(console: ConsoleHub, **query: str) -> Page:
    return await (await console.browser(Role.VIEWER)).get(PATH, **query)


async def _add_process(console: ConsoleHub, name: str, seconds: int, *, left: bool = False) -> None:
    await console.run(
        "INSERT INTO workers (name, id, steps, pid, host, seen_at, left_at) VALUES"
        " (%s, gen_random_uuid(), '{upsert}', 7, 'host', now() - make_interval(secs => %s),"
        " CASE WHEN %s THEN now() END)",
        name,
        seconds,
        left,
    )


async def test_a_hub_that_runs_says_so_with_its_versions(console: ConsoleHub) -> None:
    await _add_process(console, "one", 1)
    await _add_process(console, "two", 3600, left=True)
    page = await _open(console)
    assert page.text.startswith("Every dependency works; 1 process is live")
    assert f"IntegraHub {__version__}" in page.text and "PostgreSQL 18" in page.text


async def test_a_lost_process_is_told(console: ConsoleHub) -> None:
    await _add_process(console, "<script>one", 30)
    page = await _open(console)
    assert page.text.startswith("1 process is lost; its work is taken over")
    assert "<script>one" in page.text and "<script>one" not in page.html


async def test_a_missing_migration_is_told_before_a_lost_process(console: ConsoleHub) -> None:
    await _add_process(console, "one", 30)
    await console.run("DELETE FROM schema_migrations WHERE name LIKE '0010%%'")
    page = await _open(console)
    assert page.text.startswith("1 migration is missing: run integrahub migrate")
    assert "0010_console_figures.sql" in page.text


async def test_settings_show_no_secret_and_by_default_only_those_that_differ(console: ConsoleHub) -> None:
    page = await _open(console)
    assert "ADMIN_API_KEY" in page.text and ADMIN not in page.html and console.api.key not in page.html
    assert "CHUNK_SIZE 50 chosen" in page.text and "REPLAY_RATE" not in page.text
    every = await _open(console, settings="all")
    assert "REPLAY_RATE 20 default" in every.text and "KAFKA_PASSWORD not set default" in every.text
    assert "postgresql://" not in every.html


async def test_packages_are_told_with_their_licences(console: ConsoleHub) -> None:
    packages = {package.name: package for package in list_packages()}
    assert next(iter(packages)) == "integrahub" and {"fastapi", "starlette", "msgspec", "psycopg"} <= set(packages)
    assert packages["fastapi"].licence == "MIT" and "pytest" not in packages
    assert sum(bool(package.licence) for package in packages.values()) > 0.9 * len(packages)
    assert "msgspec" in (await _open(console)).text


async def test_the_page_needs_a_person_and_updates_only_what_changed(console: ConsoleHub) -> None:
    stranger = await console.browser()
    assert "Settings in force" not in (await stranger.get(PATH)).text
    browser = await console.browser(Role.VIEWER)
    await _add_process(console, "one", 1)
    first = await browser.poll(PATH, "state")
    version = first.html.partition("Live-Version&quot;: &quot;")[2].partition("&quot;")[0]
    assert first.status == 200 and "Settings in force" not in first.html
    await console.run("UPDATE workers SET left_at = now()")
    await asyncio.sleep(0)
    assert (await browser.poll(PATH, "state", version)).status == 200
