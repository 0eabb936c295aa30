"""The first administrator's link at the start of a hub."""

from urllib.parse import parse_qs, urlsplit

from structlog.testing import capture_logs

from integrahub.db.accounts import users
from integrahub.db.database import Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from integrahub.supervisor.first_admin import invite_first_admin


def _settings(database_url: str, *, console: bool = True) -> Settings:
    own = url_as(database_url, DatabaseRole.CONSOLE)
    return Settings(console=console, console_database_url=own, public_url="https://hub.example")


async def test_up_prints_a_link_for_the_first_administrator_until_one_has_a_password(
    database: Database, database_url: str
) -> None:
    settings = _settings(database_url)
    links = [await invite_first_admin(settings, may_show=True) for _ in range(2)]
    tokens = [parse_qs(urlsplit(link or "").query)["token"][0] for link in links]
    assert all(link and link.startswith("https://hub.example/console/welcome?token=") for link in links)
    assert await users.find_by_link(database, tokens[0]) is None  # replaced by the second start's
    used = await users.use_link(database, tokens[1], "$argon2id$x")
    assert used and (used.name, used.role) == ("admin", Role.ADMIN)
    assert await invite_first_admin(settings, may_show=True) is None
    assert len(await users.list_all(database)) == 1


async def test_a_log_gets_the_verb_that_prints_a_link_instead_of_a_link(database: Database, database_url: str) -> None:
    with capture_logs() as lines:
        assert await invite_first_admin(_settings(database_url), may_show=False) is None
    (line,) = lines
    assert line["action"] == "invite" and "`integrahub user add NAME --role admin`" in line["event"]
    assert await users.list_all(database) == []


async def test_a_person_called_admin_who_is_none_gets_no_link(database: Database, database_url: str) -> None:
    await users.add(database, "Admin", Role.VIEWER)
    assert await invite_first_admin(_settings(database_url), may_show=True) is None


async def test_a_hub_without_console_invites_nobody_and_a_database_away_stops_no_start(
    database: Database, database_url: str
) -> None:
    assert await invite_first_admin(_settings(database_url, console=False), may_show=True) is None
    gone = Settings(console=True, console_database_url="postgresql://x:y@127.0.0.1:9/none")
    assert await invite_first_admin(gone, may_show=True) is None
    assert await users.list_all(database) == []
