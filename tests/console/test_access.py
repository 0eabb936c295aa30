"""Access to the console: sessions, roles and forms of other sites, on routes of a small application."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integrahub.console.access import SECURE_COOKIE, Person, Sessions, install_access, require
from integrahub.db.accounts import user_sessions, users
from integrahub.db.database import Database
from integrahub.domain.errors import Problem, Transient
from integrahub.domain.people.roles import Role
from tests.console.people import add_person, sign_in

OWN = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Browser:
    """A client of the application, and the database with its people."""

    http: httpx2.AsyncClient
    database: Database

    async def status(self, path: str, cookies: dict[str, str] | None = None, **headers: str) -> int:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())} | headers
        return (await self.http.get(path, headers=sent)).status_code

    async def post(self, cookies: dict[str, str], headers: dict[str, str]) -> int:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} | headers
        return (await self.http.post("/operator", headers=sent)).status_code

    async def run(self, statement: str) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(statement)  # type: ignore[arg-type]


def _application(database: Database, *, requires_second_factor: bool = False) -> FastAPI:
    app = FastAPI()
    install_access(app, Sessions(database), requires_second_factor=requires_second_factor)

    async def refuse(_: Request, error: Problem) -> Response:
        return JSONResponse({"code": error.code}, error.status)

    async def unavailable(_: Request, error: Exception) -> Response:
        return JSONResponse({}, 503)

    app.add_exception_handler(Problem, refuse)  # type: ignore[arg-type]
    app.add_exception_handler(Transient, unavailable)

    for role in Role:

        @app.api_route(f"/{role}", methods=["GET", "POST"])
        async def show(person: Annotated[Person, Depends(require(role))]) -> str:
            return person.name

    @app.get("/set-up")
    async def set_up(person: Annotated[Person, Depends(require(Role.VIEWER, before_second_factor=True))]) -> str:
        return person.name

    return app


@pytest.fixture
async def browser(database: Database) -> AsyncIterator[Browser]:
    transport = httpx2.ASGITransport(_application(database))
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as http:
        yield Browser(http, database)


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_opens_its_own_routes_and_those_below_alone(browser: Browser, role: Role) -> None:
    cookies = await sign_in(browser.database, await add_person(browser.database, role))
    allowed = {each for each in Role if await browser.status(f"/{each}", cookies) == 200}
    assert allowed == {each for each in Role if role.includes(each)}
    refused = [await browser.status(f"/{each}", cookies) for each in Role if each not in allowed]
    assert set(refused) <= {403}


async def test_no_session_and_an_invented_one_are_refused(browser: Browser) -> None:
    assert await browser.status("/viewer") == 403
    assert await browser.status("/viewer", {"integrahub_session": "x" * 43}) == 403


@pytest.mark.parametrize(
    ("column", "age", "status"),
    [("seen_at", "59 minutes", 200), ("seen_at", "61 minutes", 403), ("created_at", "13 hours", 403)],
)
async def test_a_session_ends_after_an_idle_hour_and_after_twelve_hours(
    browser: Browser, column: str, age: str, status: int
) -> None:
    cookies = await sign_in(browser.database, await add_person(browser.database, Role.VIEWER))
    await browser.run(f"UPDATE user_sessions SET {column} = now() - interval '{age}'")
    assert await browser.status("/viewer", cookies) == status


async def test_a_page_keeps_a_session_alive_and_live_updates_do_not(browser: Browser) -> None:
    cookies = await sign_in(browser.database, await add_person(browser.database, Role.VIEWER))
    await browser.run("UPDATE user_sessions SET seen_at = now() - interval '30 minutes'")
    idle = "SELECT seen_at < now() - interval '29 minutes' AS idle FROM user_sessions"
    for headers, is_idle in (({"Live-Block": "rows"}, True), ({}, False)):
        assert await browser.status("/viewer", cookies, **headers) == 200
        async with browser.database.transaction() as connection:
            row = await (await connection.execute(idle)).fetchone()
        assert row and row["idle"] is is_idle


async def test_a_removed_person_is_refused_within_two_seconds(browser: Browser) -> None:
    user = await add_person(browser.database, Role.VIEWER)
    cookies = await sign_in(browser.database, user)
    assert await users.remove(browser.database, user.id)
    assert await browser.status("/viewer", cookies) == 403


async def test_an_ended_session_is_refused_and_others_of_the_person_stay(browser: Browser) -> None:
    user = await add_person(browser.database, Role.VIEWER)
    first, second = await sign_in(browser.database, user), await sign_in(browser.database, user)
    newest, _ = await user_sessions.list_live(browser.database, user.id)
    assert await user_sessions.end(browser.database, newest.id, user.id)
    assert not await user_sessions.end(browser.database, newest.id, user.id)
    assert (await browser.status("/viewer", first), await browser.status("/viewer", second)) == (200, 403)


async def test_the_token_itself_is_not_stored(browser: Browser) -> None:
    cookies = await sign_in(browser.database, await add_person(browser.database, Role.VIEWER))
    async with browser.database.transaction() as connection:
        row = await (await connection.execute("SELECT user_sessions::text AS stored FROM user_sessions")).fetchone()
    (token,) = cookies.values()
    assert row and token not in row["stored"] and token.encode().hex() not in row["stored"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://hub"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://hub"}, 200),
        ({"Origin": "http://hub.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[hub"}, 403),
        ({}, 403),
    ],
)
async def test_a_form_of_another_site_is_refused(browser: Browser, headers: dict[str, str], status: int) -> None:
    cookies = await sign_in(browser.database, await add_person(browser.database, Role.OPERATOR))
    assert await browser.post(cookies, headers) == status


async def test_with_tls_only_the_cookie_with_the_host_prefix_counts(browser: Browser) -> None:
    cookies = await sign_in(browser.database, await add_person(browser.database, Role.VIEWER))
    (token,) = cookies.values()
    assert await browser.status("https://hub/viewer", cookies) == 403
    assert await browser.status("https://hub/viewer", {SECURE_COOKIE: token}) == 200


async def test_a_hub_that_requires_a_second_factor_shows_those_without_one_its_set_up_alone(database: Database) -> None:
    transport = httpx2.ASGITransport(_application(database, requires_second_factor=True))
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as http:
        browser, user = Browser(http, database), await add_person(database, Role.VIEWER)
        cookies = await sign_in(database, user)
        assert [await browser.status(path, cookies) for path in ("/viewer", "/set-up")] == [403, 200]
        await users.store_totp(database, user.id, b"sealed")
        assert await users.enable_totp(database, user.id, 1)
        assert await browser.status("/viewer", await sign_in(database, user)) == 200


async def test_a_database_that_does_not_answer_is_no_missing_session(browser: Browser) -> None:
    cookies = await sign_in(browser.database, await add_person(browser.database, Role.VIEWER))
    browser.database.breaker.record_failure(OSError("down"), 100)
    assert await browser.status("/viewer", cookies) == 503
